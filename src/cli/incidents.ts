/** `sluice incidents …`: list malicious messages, and record what was done about them. */
import { type Command, Option } from 'commander';
import { type Incident, type IncidentStatus, incidentStatuses } from '../incident/incident.js';
import { timeText } from '../notice/clean.js';
import { limits } from '../runtime/limits.js';
import { configOption, takesConfig } from './configuration.js';
import {
  commandActor,
  jsonText,
  runCommand,
  type StoreContext,
  tableText,
  terminalText,
  withVault,
} from './store-context.js';

function listText(incidents: readonly Incident[]): string {
  if (incidents.length === 0) return 'no incidents';
  const head = ['ID', 'STATUS', 'TIME', 'PROTOCOL', 'ACTION', 'LEVEL', 'THREAT', 'SOURCE', 'TARGET'];
  const rows = incidents.map((incident) => {
    const more = incident.targets.length > 1 ? ` +${incident.targets.length - 1}` : '';
    return [
      incident.id,
      incident.status,
      timeText(incident.at),
      incident.protocol,
      incident.action,
      String(incident.level),
      terminalText(incident.threat, 30),
      terminalText(incident.source, 40) || '<>',
      `${terminalText(incident.targets[0] ?? '', 40)}${more}`,
    ];
  });
  const comments = incidents.flatMap((incident) =>
    incident.comments.map(
      (comment) =>
        `${incident.id} ${timeText(comment.at)} ${terminalText(comment.by)}: ${terminalText(comment.text, 500)}`,
    ),
  );
  return [tableText([head, ...rows]), ...comments].join('\n');
}

const examples = `
Examples:
  sluice incidents --json
  sluice incidents set ID --status complete --comment "user informed"`;

export function registerIncidents(program: Command, context: StoreContext): void {
  const incidents = takesConfig(program.command('incidents'))
    .description('List malicious messages, newest first')
    .option('--json', 'print JSON')
    .addHelpText('afterAll', examples)
    .action((options: { readonly config: string; readonly json?: boolean }) =>
      runCommand(context, () =>
        withVault(context, options.config, async (vault) => {
          const found = await vault.store.call('listIncidents', limits.quarantine.listMax);
          context.stdout.write(`${options.json === true ? jsonText(found) : listText(found)}\n`);
          return 0;
        }),
      ),
    );
  incidents
    .command('set <id>')
    .description('Change the status of an incident or comment on it')
    .addOption(configOption())
    .addOption(new Option('--status <status>', 'new status').choices([...incidentStatuses]))
    .option('--comment <text>', 'what was found or done')
    .action((id: string, given: { readonly status?: IncidentStatus; readonly comment?: string }, command: Command) => {
      const { config } = command.opts<{ readonly config: string }>();
      if (given.status === undefined && given.comment === undefined)
        return command.error('error: give --status, --comment or both');
      return runCommand(context, () =>
        withVault(context, config, async (vault) => {
          const comment = given.comment?.slice(0, limits.notice.messageCharacters);
          const changed = await vault.store.call(
            'setIncident',
            id,
            given.status,
            comment,
            commandActor(),
            context.now(),
          );
          context.stdout.write(`${changed.id} ${changed.status}\n`);
          return 0;
        }),
      );
    });
}
