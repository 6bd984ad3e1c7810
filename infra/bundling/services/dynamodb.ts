/** Stands in for `@aws-sdk/client-dynamodb` in the bundles: the operations that the broker has. */
// @ts-expect-error The package does not show its endpoint rules.
import { defaultEndpointResolver } from '../../../node_modules/@aws-sdk/client-dynamodb/dist-es/endpoint/endpointResolver.js';
import { Client, type Options } from './client.ts';
import { command } from './command.ts';

export class DynamoDBClient extends Client {
  constructor(options: Options) {
    const service = { name: 'dynamodb', variable: 'DYNAMODB', target: 'DynamoDB_20120810' };
    super({ ...service, jsonVersion: '1.0', endpoint: defaultEndpointResolver }, options);
  }
}

export const DeleteItemCommand = command('DeleteItem');
export const GetItemCommand = command('GetItem');
export const PutItemCommand = command('PutItem');
export const QueryCommand = command('Query');
export const UpdateItemCommand = command('UpdateItem');
