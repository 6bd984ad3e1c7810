/** Stands in for `@aws-sdk/client-secrets-manager` in the bundles: the operations that the broker has. */
// @ts-expect-error The package does not show its endpoint rules.
import { defaultEndpointResolver } from '../../../node_modules/@aws-sdk/client-secrets-manager/dist-es/endpoint/endpointResolver.js';
import { Client, type Options } from './client.ts';
import { command } from './command.ts';

export class SecretsManagerClient extends Client {
  constructor(options: Options) {
    const service = {
      name: 'secretsmanager',
      variable: 'SECRETS_MANAGER',
      target: 'secretsmanager',
    };
    super({ ...service, jsonVersion: '1.1', endpoint: defaultEndpointResolver }, options);
  }
}

export const CreateSecretCommand = command('CreateSecret');
export const DeleteSecretCommand = command('DeleteSecret');
export const DescribeSecretCommand = command('DescribeSecret');
export const GetSecretValueCommand = command('GetSecretValue');
export const PutSecretValueCommand = command('PutSecretValue');
export const UpdateSecretVersionStageCommand = command('UpdateSecretVersionStage');
