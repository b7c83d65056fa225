import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

export class Secrets {
  private readonly key: Buffer;
  constructor(master: string) {
    this.key = Buffer.from(hkdfSync('sha256', master, '', 'engawa secrets v1', 32));
  }
  encrypt(plaintext: Buffer | string, { workspace_id, purpose }: { workspace_id: string; purpose: string }): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(Buffer.from(`${workspace_id} ${purpose}`));
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([Buffer.from([1]), nonce, cipher.getAuthTag(), body]);
  }
  decrypt(envelope: Buffer, { workspace_id, purpose }: { workspace_id: string; purpose: string }): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.key, envelope.subarray(1, 13))
      .setAAD(Buffer.from(`${workspace_id} ${purpose}`))
      .setAuthTag(envelope.subarray(13, 29));
    return Buffer.concat([decipher.update(envelope.subarray(29)), decipher.final()]);
  }
}
