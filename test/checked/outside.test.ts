/** The checked build from outside: `node --conditions=checked`, and nothing else. */
import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('late_driver.mjs', import.meta.url));

/** What a program that uses the package says, or how it fails. */
function said(...options: string[]): string {
  try {
    return execFileSync(execPath, [...options, PROGRAM], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return (error as { readonly stderr: string }).stderr;
  }
}

it('X-5 a user’s driver that looks at a VMA too late is told so, with both places', () => {
  expect(said('--conditions=checked')).toMatch(
    /use after free: word \d+ of the vm_area_struct.*freed by vmAreaFree .* < doMunmap .*met by vmStart/su,
  );
});

it('X-5 and finds what is still there in the ordinary build', () => {
  expect(said()).toContain('began at');
});
