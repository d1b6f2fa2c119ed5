/** What a stacked driver calls: see stack.ts. */
import type { Errno } from '../../arena/errno.ts';
import type { File } from '../../mm/vma_struct.ts';
import { hookedOf, hookGeneration } from '../file_driver.ts';
import type { NewVma } from './new_vma.ts';
import { mapLower } from './stack.ts';

/**
 * Maps the file below a stacked one, from inside the upper file's `.mmap`.
 *
 * @returns the lower driver's errno; ENODEV, EINVAL: see mapLower().
 */
export const vfsMmap = (file: File, vma: NewVma): 0 | Errno =>
  mapLower({ file, hooked: hookedOf(file), generation: hookGeneration() }, vma);
