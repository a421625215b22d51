export * from 'onlite/onnxruntime';
