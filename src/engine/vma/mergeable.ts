/**
 * Whether a neighbour can take a range: the rules of merging, one bit each, so
 * that a refusal says everything that stood in the way.
 *
 * Source: mm/vma.c, is_mergeable_vma(), is_mergeable_anon_vma(), v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { vmOperations } from '../file/vm_ops.ts';
import type { Vma } from '../mm/held.ts';
import { flagsDiffer } from '../mm/vm_flags.ts';
import {
  vmaPages,
  vmAnonName,
  vmAnonVma,
  vmCaching,
  vmEnd,
  vmFile,
  vmFlags,
  vmOps,
  vmPgoff,
  vmPolicy,
  vmPrivateData,
  vmStart,
  vmUserfaultfdCtx,
} from '../mm/vma_struct.ts';
import { vmaIsForkChild } from '../rmap/anon_vma_chain.ts';
import { textEquals } from '../slab/text.ts';
import { countEvent, PROTO_FIELD_CLOBBER } from '../trace/counters.ts';
import {
  REFUSED_ANON_NAME,
  REFUSED_ANON_VMA,
  REFUSED_BOTH_ANON_VMA,
  REFUSED_DRIVER,
  REFUSED_FILE,
  REFUSED_FLAGS,
  REFUSED_FORK_CHILD,
  REFUSED_NO_NEIGHBOUR,
  REFUSED_PGOFF,
  REFUSED_POLICY,
  REFUSED_UFFD,
} from '../trace/verdict.ts';
import type { VmaMerge } from './vma_merge.ts';

/** @returns the REFUSED_* rules that keep `prev` from growing over the range; 0: it can. */
export function refusalsLeft(vmg: VmaMerge): number {
  const { prev } = vmg;
  if (prev === NULL || vmEnd(prev) !== vmg.start) return REFUSED_NO_NEIGHBOUR;
  const rules = attributeRefusals(vmg, prev) | anonVmaRefusals(vmg, prev);
  if (rules === REFUSED_DRIVER) countEvent(PROTO_FIELD_CLOBBER);
  return vmPgoff(prev) + vmaPages(prev) === vmg.pgoff ? rules : rules | REFUSED_PGOFF;
}

/** @returns the same for `next`, which would grow down over the range. */
export function refusalsRight(vmg: VmaMerge, mergesLeft: boolean): number {
  const { next } = vmg;
  if (next === NULL || vmStart(next) !== vmg.end) return REFUSED_NO_NEIGHBOUR;
  let rules = attributeRefusals(vmg, next) | anonVmaRefusals(vmg, next);
  if (vmPgoff(next) !== vmg.pgoff + (vmg.end - vmg.start) / 4096) rules |= REFUSED_PGOFF;
  if (rules === REFUSED_DRIVER) countEvent(PROTO_FIELD_CLOBBER);
  if (mergesLeft && !haveOneAnonVma(vmg.prev, next)) rules |= REFUSED_BOTH_ANON_VMA;
  return rules;
}

/** A VMA whose driver counts closings cannot be merged away. */
export const canMergeRemove = (vma: Vma): boolean => vmOperations(vmOps(vma)).close === undefined;

function attributeRefusals(vmg: VmaMerge, vma: Vma): number {
  let rules = 0;
  if (vmPolicy(vma) !== vmg.policy) rules |= REFUSED_POLICY;
  if (flagsDiffer(vmFlags(vma), vmg.flags)) rules |= REFUSED_FLAGS;
  if (vmFile(vma) !== vmg.file) rules |= REFUSED_FILE;
  if (vmUserfaultfdCtx(vma) !== vmg.uffdCtx) rules |= REFUSED_UFFD;
  if (!textEquals(vmAnonName(vma), vmg.anonName)) rules |= REFUSED_ANON_NAME;
  if (vmg.file !== NULL && wouldClobber(vmg, vma)) rules |= REFUSED_DRIVER;
  return rules;
}

/** Its driver told the neighbour something else than this range: one VMA can say only one thing. */
const wouldClobber = (vmg: VmaMerge, vma: Vma): boolean =>
  vmg.isDescribed &&
  (vmg.vmOps !== vmOps(vma) ||
    vmg.privateData !== vmPrivateData(vma) ||
    vmg.caching !== vmCaching(vma));

/**
 * Both have an anon_vma: it must be the same. One has: the other receives a copy
 * of its chain, which must not reach into another process.
 */
function anonVmaRefusals(vmg: VmaMerge, neighbour: Vma): number {
  const theirs = vmAnonVma(neighbour);
  const ours = vmg.anonVma;
  if (theirs === ours) return 0;
  if (theirs !== NULL && ours !== NULL) return REFUSED_ANON_VMA;

  const source = theirs !== NULL ? neighbour : sourceOf(vmg);
  return source !== NULL && vmaIsForkChild(source) ? REFUSED_FORK_CHILD : 0;
}

const sourceOf = (vmg: VmaMerge): Vma | Null => (vmg.middle !== NULL ? vmg.middle : vmg.copiedFrom);

function haveOneAnonVma(prev: Vma | Null, next: Vma): boolean {
  const left = prev === NULL ? NULL : vmAnonVma(prev);
  const right = vmAnonVma(next);
  return left === NULL || right === NULL || left === right;
}
