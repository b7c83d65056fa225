export const TEST_SECRET_KEY = 'a secret key of the test bench, long enough';
