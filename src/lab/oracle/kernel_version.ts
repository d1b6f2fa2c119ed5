/** True for the version that the engine models. */
export const isModelledKernel = (version: string): boolean => /^6\.18(?:\.|$)/u.test(version);
