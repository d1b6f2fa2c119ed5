/** `vmaspace survey`: which drivers' mappings merge under which generation of hooks. */
import { Command } from 'commander';
import { survey, surveyDocument, surveyText } from '../lab/survey/survey.ts';
import { EXIT_CODES } from './exit.ts';

const EXAMPLES = `
Examples:
  vmaspace survey                     the table, as docs/survey.md has it
  vmaspace survey --json              one JSON document
  vmaspace survey > docs/survey.md    after a change
`;

export function surveyCommand(): Command {
  return new Command('survey')
    .description('maps a file of each kind of driver twice, and tells which mappings merged')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(({ json }: { json?: boolean }) => {
      const rows = survey();
      const document = (): string => `${JSON.stringify(surveyDocument(rows))}\n`;
      process.stdout.write(json === true ? document() : surveyText(rows));
    });
}
