/** `sluice preview`: writes the notice that recipients would get, from the configuration and a sample mail. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { renderNotice } from '../notice/notice.js';
import { sampleFacts } from '../notice/sample.js';
import { takesConfig } from './configuration.js';
import { runCommand, type StoreContext, terminalText } from './store-context.js';

const examples = `
Examples:
  sluice preview --config sluice.yaml --out /tmp/notice`;

export function registerPreview(program: Command, context: StoreContext): void {
  takesConfig(program.command('preview'))
    .description('Write the notice that recipients get as notice.eml and notice.html')
    .option('--out <directory>', 'where to write', '.')
    .addHelpText('after', examples)
    .action((options: { readonly config: string; readonly out: string }) =>
      runCommand(context, async () => {
        const { policy } = await context.load(options.config);
        const { eml, html } = await renderNotice(policy.notice, sampleFacts(policy.publicUrl));
        mkdirSync(options.out, { recursive: true });
        const files = { 'notice.eml': eml, 'notice.html': html };
        for (const [name, content] of Object.entries(files)) {
          const file = join(options.out, name);
          writeFileSync(file, content);
          context.stdout.write(`wrote ${terminalText(file)}\n`);
        }
        return 0;
      }),
    );
}
