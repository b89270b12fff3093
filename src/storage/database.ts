// One table of a database of the page (IndexedDB), opened for each use.

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });

/** @throws what IndexedDB says: a private window, no room, a user who forbids it */
export async function useTable<T>(
  name: string,
  table: string,
  mode: IDBTransactionMode,
  work: (table: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(table);
  };
  const database = await settled(opening);
  try {
    const transaction = database.transaction(table, mode);
    // Only then it is on the disk.
    const complete = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB"));
    });
    // Both are waited for at once: a request that fails aborts the transaction, too, and no rejection may go unhandled.
    return (await Promise.all([settled(work(transaction.objectStore(table))), complete]))[0];
  } finally {
    database.close();
  }
}
