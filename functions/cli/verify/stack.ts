/** What only CloudFormation and EC2 know: drift, and the addresses that the broker leaves from. */
import { ok, problem, skipped } from '../doctor/check.ts';
import { callQuery, textOf, textsOf } from './query.ts';
import { eventually, idsOf, type LiveCheck, orRefused } from './run.ts';

export const checkDrift: LiveCheck = (run) =>
  orRefused('drift', async () => {
    const { aws } = run.target;
    const id = textOf(
      await callQuery(aws, 'cloudformation', 'DetectStackDrift', { StackName: run.stack }),
      'StackDriftDetectionId',
    );
    const ended = await eventually(run, async () => {
      const xml = await callQuery(aws, 'cloudformation', 'DescribeStackDriftDetectionStatus', {
        StackDriftDetectionId: id ?? '',
      });
      return textOf(xml, 'DetectionStatus') === 'DETECTION_IN_PROGRESS' ? undefined : xml;
    });
    if (ended === undefined)
      return [problem('drift', 'detection has not ended in time', 'Raise --patience.')];
    const status = textOf(ended, 'StackDriftStatus');
    if (status === 'IN_SYNC') return [ok('drift', 'the stack is as it was deployed')];
    if (status !== 'DRIFTED') {
      const reason = textOf(ended, 'DetectionStatusReason') ?? status ?? 'no status';
      return [
        problem('drift', `not detected: ${reason}`, 'Allow whoever runs verify to read the resources.'),
      ];
    }
    const drifts = await callQuery(aws, 'cloudformation', 'DescribeStackResourceDrifts', {
      StackName: run.stack,
      'StackResourceDriftStatusFilters.member.1': 'MODIFIED',
      'StackResourceDriftStatusFilters.member.2': 'DELETED',
    });
    const changed = textsOf(drifts, 'LogicalResourceId').join(', ');
    return [problem('drift', `changed by hand: ${changed}`, 'Undo the change, or deploy what it was for.')];
  });

export const checkEgress: LiveCheck = (run) =>
  orRefused('egress address', async () => {
    const gateways = idsOf(run, 'AWS::EC2::NatGateway');
    const published = idsOf(run, 'AWS::EC2::EIP').sort();
    if (published.length === 0)
      return [skipped('egress address', 'no fixed addresses (egress is not static-ip)')];
    const xml = await callQuery(
      run.target.aws,
      'ec2',
      'DescribeNatGateways',
      Object.fromEntries(gateways.map((id, index) => [`NatGatewayId.${index + 1}`, id])),
    );
    const used = textsOf(xml, 'publicIp').sort();
    if (used.join() === published.join()) return [ok('egress address', `${used.join(', ')}, as published`)];
    return [
      problem(
        'egress address',
        `the gateways use ${used.join(', ') || 'none'}; published: ${published.join(', ')}`,
        'Deploy the stack again, and compare with the vendors’ allow-lists.',
      ),
    ];
  });
