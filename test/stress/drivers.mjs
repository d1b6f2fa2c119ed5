// Drivers whose files are mapped: every worker registers them.
import { daxDriver, orangefsDriver, pfnDevice } from '../../dist/index.js';

export const DRIVERS = [pfnDevice, daxDriver, orangefsDriver];
export const DEVICE_DRIVER = pfnDevice.name;
export const WILD_DRIVERS = [daxDriver.name, orangefsDriver.name];
