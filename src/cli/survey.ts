/** `vmaspace survey`: which drivers' mappings merge under which generation of hooks. */
import { Command } from 'commander';
import { surveyText } from '../lab/survey/survey.ts';
import { EXIT_CODES } from './exit.ts';

const EXAMPLES = `
Examples:
  vmaspace survey                     the table, as docs/survey.md has it
  vmaspace survey > docs/survey.md    after a change
`;

export function surveyCommand(): Command {
  return new Command('survey')
    .description('maps a file of each kind of driver twice, and tells which mappings merged')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(() => {
      process.stdout.write(surveyText());
    });
}
