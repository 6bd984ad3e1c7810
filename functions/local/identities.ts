/** Who may call the local program. Key ids say who one is; all have one secret. */

export const LOCAL_REGION = 'us-east-1';
export const LOCAL_ACCOUNT = '000000000000';
/** The key id that is a user; `role-NAME` is a session of the role NAME. */
export const LOCAL_KEY_ID = 'local';
/** The secret of every key id in the demo, which holds no real secret: everybody on this machine knows it. */
export const DEMO_KEY = 'local';

/** Who signed, as API Gateway describes it to a function. */
export interface Identity {
  readonly accessKey: string;
  readonly arn: string;
  readonly accountId: string;
  readonly userId: string;
}

/** `undefined` for a key id that nobody has. */
export function identityOf(keyId: string): Identity | undefined {
  const common = { accessKey: keyId, accountId: LOCAL_ACCOUNT };
  if (keyId === LOCAL_KEY_ID) {
    return { ...common, arn: `arn:aws:iam::${LOCAL_ACCOUNT}:user/local`, userId: 'AIDALOCAL' };
  }
  const role = /^role-([\w+=,.@-]{1,64})$/.exec(keyId)?.[1];
  if (role === undefined) return undefined;
  const arn = `arn:aws:sts::${LOCAL_ACCOUNT}:assumed-role/${role}/session`;
  return { ...common, arn, userId: `AROALOCAL${role.toUpperCase()}:session` };
}
