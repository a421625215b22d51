// What a process costs that does nothing: require.cjs is compared with it.
const start = performance.now();
console.log(JSON.stringify({ requireMs: performance.now() - start }));
