// IndexedDB in memory, as much of it as the client uses: what a request promises comes later, in order, and a transaction that
// fails leaves nothing. full says that the disk takes nothing more.

class Request {
  /** @type {(() => void) | null} */ onsuccess = null;
  /** @type {(() => void) | null} */ onerror = null;
  result = undefined;
  error = null;
}

/** A disk of its own; put it where the client looks for indexedDB. */
export function memoryDisk() {
  /** @type {Map<string, { keyPath: string | undefined, rows: Map<any, any> }>} */
  const stores = new Map();
  const disk = { full: false, durability: [], open };

  function transaction(name, mode, options) {
    if (mode === 'readwrite') disk.durability.push(options?.durability ?? 'default');
    const store = stores.get(name);
    let rows = store.rows;
    const tx = { oncomplete: null, onabort: null, error: null, objectStore: () => acts };
    const due = [];
    const begin = () => {
      rows = new Map(store.rows);
      run();
    };
    const run = () => {
      for (const [request, act] of due.splice(0)) {
        try {
          request.result = act();
        } catch (err) {
          tx.error = request.error = err;
          request.onerror?.();
          return tx.onabort?.();
        }
        request.onsuccess?.();
      }
      if (due.length > 0) return run();
      store.rows = rows;
      tx.oncomplete?.();
    };
    const ask = (act) => {
      const request = new Request();
      due.push([request, act]);
      return request;
    };
    const write = (value, key, fresh) => {
      const at = key ?? value[store.keyPath];
      if (fresh && rows.has(at)) throw new DOMException('taken', 'ConstraintError');
      if (disk.full) throw new DOMException('no room', 'QuotaExceededError');
      rows.set(at, structuredClone(value));
      return at;
    };
    const acts = {
      get: (key) => ask(() => structuredClone(rows.get(key))),
      getAll: () => ask(() => [...rows.values()].map((v) => structuredClone(v))),
      add: (value, key) => ask(() => write(value, key, true)),
      put: (value, key) => ask(() => write(value, key, false)),
      delete: (key) => ask(() => void rows.delete(key)),
    };
    setTimeout(begin); // one after the other, as the real one runs them
    return tx;
  }

  function open(database) {
    const request = new Request();
    setTimeout(() => {
      const name = (store) => `${database} ${store}`;
      request.result = {
        createObjectStore: (store, options) => void stores.set(name(store), { keyPath: options?.keyPath, rows: new Map() }),
        transaction: (store, mode, options) => transaction(name(store), mode, options), close: () => {},
      };
      if (![...stores.keys()].some((n) => n.startsWith(`${database} `))) request.onupgradeneeded?.();
      request.onsuccess?.();
    });
    return request;
  }
  return disk;
}
