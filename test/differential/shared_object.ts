/** Shared anonymous memory of the naive model: what it is charged. */

/** The object behind one shared anonymous mmap. */
export interface SharedObject {
  /** Pages. */
  readonly size: number;
  /** Charged as a whole when it was made; else page by page. */
  readonly isReserved: boolean;
  /** Its pages that exist. */
  readonly filled: Set<number>;
}

export const chargeOf = ({ size, isReserved, filled }: SharedObject): number =>
  isReserved ? size : filled.size;
