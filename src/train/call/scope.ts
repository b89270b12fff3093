// Resources that live as long as one call: whatever was kept is disposed at its end, the last one first, also on errors.

interface Resource {
  dispose(): void;
}

export type Keep = <R extends Resource>(resource: R) => R;

export async function scoped<T>(work: (keep: Keep) => Promise<T>): Promise<T> {
  const kept: Resource[] = [];
  try {
    return await work((resource) => {
      kept.push(resource);
      return resource;
    });
  } finally {
    kept.reverse().forEach((resource) => resource.dispose());
  }
}
