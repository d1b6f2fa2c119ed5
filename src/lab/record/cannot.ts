/** This machine cannot record: told in one sentence that says what is missing. */
export class CannotRecord extends Error {}

/** What was asked for makes no sense: told in one sentence. */
export class WrongRecord extends Error {}
