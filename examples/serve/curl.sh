#!/usr/bin/env bash
# Calls the server of serve.mjs with curl, once in each protocol. usage: curl.sh [URL]
set -euo pipefail
url=${1:-http://127.0.0.1:8501}

# What is served, with a command for each model; Triton's, KServe's and TensorFlow Serving's descriptions.
curl -fsS -H 'Accept: text/plain' "$url/"
curl -fsS "$url/v2/models/wakeword"
echo
curl -fsS "$url/v1/models/wakeword"

# 16 rows of 96 zeros.
row="[$(printf '0,%.0s' {1..95})0]"
rows="[$(printf "$row,%.0s" {1..15})$row]"

# Triton and KServe: the Open Inference Protocol
input="{\"name\": \"x.1\", \"datatype\": \"FP32\", \"shape\": [1, 16, 96], \"data\": [$rows]}"
curl -fsS "$url/v2/models/wakeword/infer" -H 'Content-Type: application/json' -d "{\"inputs\": [$input]}"
echo

# TensorFlow Serving and KServe's first protocol
curl -fsS "$url/v1/models/wakeword:predict" -d "{\"instances\": [$rows]}"
echo

# MLflow
curl -fsS "$url/invocations" -H 'Content-Type: application/json' -d "{\"inputs\": [$rows]}"
echo

# TorchServe
curl -fsS "$url/predictions/wakeword" -H 'Content-Type: application/json' -d "[$rows]"
echo
