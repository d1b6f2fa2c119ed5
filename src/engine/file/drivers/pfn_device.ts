/**
 * A device that shows its own memory: frames that its inode owns, mapped by number. Every opening
 * shows the same; a file of n bytes has as many frames as that takes.
 *
 * Source: drivers/char/mem.c, mmap_mem(); drivers/uio/uio.c, uio_mmap_physical(), v6.18.
 */
import { EINVAL, ENOMEM, type Errno, isErr, OK } from '../../arena/errno.ts';
import { NULL } from '../../arena/ref.ts';
import { PAGE_SIZE } from '../../arena/units.ts';
import { allocZeroedPage, lockPage, putPage, unlockPage } from '../../page/page_alloc.ts';
import { pfnOf, PG_RESERVED, PG_UPTODATE, setPageIdentity } from '../../page/page_struct.ts';
import type { File } from '../../mm/vma_struct.ts';
import type { Driver } from '../driver.ts';
import { fileInode } from '../file_struct.ts';
import { inodePages } from '../filemap.ts';
import type { NewVma } from '../hooks/new_vma.ts';
import type { Inode } from '../inode.ts';
import { addToPageCache, findGetPage } from '../page_cache.ts';

export const pfnDevice: Driver = {
  name: 'pfn device',
  vmOperations: [{ name: 'pfn device' }],
  fileOperations: { open: powerUp, mmap: mapFrames },
};

/** The first opening gives the device its frames; they go with the inode. */
function powerUp(file: File): 0 | Errno {
  const inode = fileInode(file);
  for (let index = 0; index < inodePages(inode); index++) {
    const refused = addFrame(inode, index);
    if (isErr(refused)) return refused;
  }
  return OK;
}

function addFrame(inode: Inode, index: number): 0 | Errno {
  const present = findGetPage(inode, index);
  if (present !== NULL) {
    putPage(present);
    return OK;
  }
  const page = allocZeroedPage();
  if (page === NULL) return ENOMEM;
  setPageIdentity(page, { mapping: inode, index, flags: PG_RESERVED | PG_UPTODATE });
  lockPage(page);
  const added = addToPageCache(inode, page);
  unlockPage(page);
  putPage(page);
  return added;
}

/** @returns EINVAL beyond the device's last frame. */
function mapFrames(file: File, vma: NewVma): 0 | Errno {
  const [table] = pfnDevice.vmOperations ?? [];
  if (table !== undefined) vma.vmOps = table;
  const first = vma.vmPgoff;
  const { vmStart } = vma;
  for (let addr = vmStart; addr < vma.vmEnd; addr += PAGE_SIZE) {
    const page = findGetPage(fileInode(file), first + (addr - vmStart) / PAGE_SIZE);
    if (page === NULL) return EINVAL;
    const refused = vma.remapPfnRange({ addr, size: PAGE_SIZE, pfn: pfnOf(page) });
    putPage(page);
    if (isErr(refused)) return refused;
  }
  return OK;
}
