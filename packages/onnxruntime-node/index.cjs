'use strict';
module.exports = require('onlite/onnxruntime');
