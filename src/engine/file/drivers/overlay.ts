/**
 * A stacked file system: its files are other files, whose driver does the mapping. Opened with the
 * descriptor of the file below as `privateData`.
 *
 * Source: fs/overlayfs/file.c, ovl_mmap(), fs/backing-file.c, backing_file_mmap(), v6.18.
 */
import { EBADF, OK } from '../../arena/errno.ts';
import { NULL } from '../../arena/ref.ts';
import type { File } from '../../mm/vma_struct.ts';
import type { Driver } from '../driver.ts';
import { fget } from '../fd_table.ts';
import { filePrivateData, fput, getFile, setFilePrivateData } from '../file_struct.ts';
import { vfsMmap } from '../hooks/vfs_mmap.ts';

const lowerOf = (file: File): File => filePrivateData(file) as File;

export const overlayDriver: Driver = {
  name: 'overlay',
  fileOperations: {
    open: (file) => {
      const lower = fget(filePrivateData(file));
      if (lower === NULL) return EBADF;
      setFilePrivateData(file, lower);
      return OK;
    },
    release: (file) => fput(lowerOf(file)),
    // The mapping is of the file below, as maps and the reverse map will see it.
    mmap: (file, vma) => {
      vma.vmFile = getFile(lowerOf(file));
      return vfsMmap(lowerOf(file), vma);
    },
  },
};
