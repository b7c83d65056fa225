export declare const TEST_SECRET_KEY: string;
