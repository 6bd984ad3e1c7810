import { facts } from '../html.ts';
import type { DeviceCodes } from './device-codes.ts';
import type { Answer, VendorRequest } from './http.ts';
import { decisionForm, page, paragraph, textField } from './pages.ts';
import type { Route } from './vendor-definition.ts';

/** Where a person enters the user code; `POST` with `user_code` and `decision=approve` or `deny` decides. */
export function deviceRoutes(codes: DeviceCodes, title: string, path: string): Route[] {
  const asked = (request: VendorRequest) => codePage(codes, title, request);
  return [
    { method: 'GET', path, endpoint: 'verification', handle: asked },
    { method: 'POST', path, endpoint: 'verification', handle: (request) => decided(codes, title, request) },
  ];
}

function codePage(codes: DeviceCodes, title: string, request: VendorRequest): Answer {
  const userCode = request.url.searchParams.get('user_code') ?? '';
  const code = codes.pending(userCode);
  const summary = code
    ? facts({ Application: code.clientId, Access: code.scopes.join(' ') || 'none' })
    : paragraph('Enter the code that the device shows. It works for a minute.');
  const fields = textField('user_code', 'Code', userCode) + textField('user', 'Signed in as', 'demo');
  return page(200, title, 'Connect a device', summary + decisionForm(fields));
}

function decided(codes: DeviceCodes, title: string, request: VendorRequest): Answer {
  const { user_code = '', decision, user = 'demo' } = request.parameters;
  const code = codes.pending(user_code);
  if (!code) {
    const text = 'This code is unknown, has expired or was decided on already. Start again on the device.';
    return page(400, title, 'This code does not work', paragraph(text));
  }
  if (decision !== 'approve' && decision !== 'deny') {
    return page(400, title, 'No decision', paragraph('decision must be approve or deny.'));
  }
  const approved = decision === 'approve';
  code.decision = { approved, owner: `user:${user}` };
  return approved
    ? page(200, title, 'Connected', paragraph('Go back to your device.'))
    : page(200, title, 'Nothing was allowed', paragraph('The device will say so.'));
}
