export const HOOK_RACES = [];
