/** Who asks, as AWS has established it. */
export interface Caller {
  /** The caller's ARN as IAM gave it; `lambda:invoke` for a direct invoke, where Lambda does not tell. */
  readonly arn: string;
  /** `https`: API Gateway verified the signature. `invoke`: Lambda authorized the call of this connection's alias. */
  readonly via: 'https' | 'invoke';
}
