/**
 * A description in the hands of a driver: it can be read and changed as far as its type says, and
 * whatever else is tried has no effect but that the mapping is refused.
 *
 * A Proxy, since only that sees every way of writing to an object. After the hook it is closed.
 */
import {
  VIOLATED_IMMUTABLE,
  VIOLATED_LATE,
  VIOLATED_UNKNOWN,
  VIOLATED_VALUE,
} from '../../trace/verdict.ts';
import type { DriverCall } from '../driver_call.ts';
import { reportDriverFault } from '../driver_fault.ts';
import type { Description } from './description.ts';
import { FIELD_RULES } from './field_rules.ts';

/** How a field of a descriptor is named in the description, and what may be done to it. */
export interface FieldAccess {
  readonly field: keyof Description;
  readonly rule: keyof typeof FIELD_RULES | 'immutable';
  readonly isWriteOnly?: boolean;
}

/** The fields of one generation's descriptor by the names that its drivers know. */
export type FieldTable = ReadonlyMap<string, FieldAccess>;

export interface GuardRequest {
  readonly description: Description;
  readonly fields: FieldTable;
  /** Number of the driver, and who it is in a report. */
  readonly driver: number;
  readonly call: DriverCall;
}

export interface Guard {
  /** What the driver is given. */
  readonly descriptor: object;
  /** VIOLATED_* of the first thing it did wrong, or 0. */
  violation: number;
  /** False once the hook has returned: nothing has an effect any more. */
  isOpen: boolean;
}

/** Makes a descriptor of `description`; closeGuard() ends its use. */
export function guardDescription(request: GuardRequest): Guard {
  const shown = shownFields(request);
  const guard: { -readonly [Key in keyof Guard]: Guard[Key] } = {
    descriptor: shown,
    violation: 0,
    isOpen: true,
  };
  const refuse = (violation: number, what: string): true => {
    const code = guard.isOpen ? violation : VIOLATED_LATE;
    if (guard.violation === 0) guard.violation = code;
    reportDriverFault({ ...request.call, violation: code, what, thrown: null }, request.call.mm);
    return true; // false would make the driver throw; the mapping fails either way
  };
  guard.descriptor = new Proxy(shown, {
    set: (_, key, value: unknown, receiver) => {
      const name = String(key);
      const access = request.fields.get(name);
      if (access === undefined || receiver !== guard.descriptor) {
        return refuse(VIOLATED_UNKNOWN, name);
      }
      if (access.rule === 'immutable') return refuse(VIOLATED_IMMUTABLE, name);
      if (!FIELD_RULES[access.rule](value, request.driver)) return refuse(VIOLATED_VALUE, name);
      if (!guard.isOpen) return refuse(VIOLATED_LATE, name);
      Object.assign(request.description, { [access.field]: value });
      return access.isWriteOnly === true || Reflect.set(shown, name, value);
    },
    defineProperty: (_, key) => refuse(VIOLATED_UNKNOWN, String(key)),
    deleteProperty: (_, key) => refuse(VIOLATED_UNKNOWN, String(key)),
    setPrototypeOf: () => refuse(VIOLATED_UNKNOWN, 'its prototype'),
    preventExtensions: () => !refuse(VIOLATED_UNKNOWN, 'its extensibility'),
  });
  return guard;
}

export function closeGuard(guard: Guard): void {
  guard.isOpen = false;
}

/** What reading the descriptor gives: what is only to be set is never there. */
function shownFields({ description, fields }: GuardRequest): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, { field, isWriteOnly }] of fields) {
    shown[name] = isWriteOnly === true ? undefined : description[field];
  }
  return shown;
}
