"""Classifies a handwritten digit through the gateway, over gRPC and over HTTP, and prints what the receipt says.

  assay up                                  # prints the gateway's two addresses
  assay key create                          # prints an API key
  python3 examples/python/digit.py --grpc 127.0.0.1:8001 --http 127.0.0.1:8000 --key KEY
"""
import argparse
import gzip
import json
import pathlib
import struct

from open_inference import GrpcClient, HttpClient

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "data/digits/images-idx3-ubyte.gz"
PIXELS = 28 * 28


def digit(index):
    """One digit as float32 grey values, little-endian."""
    with gzip.open(DIGITS) as images:
        images.seek(16 + index * PIXELS)
        return struct.pack(f"<{PIXELS}f", *images.read(PIXELS))


def best(raw):
    scores = struct.unpack("<10f", raw)
    return scores.index(max(scores))


def over_grpc(url, key, raw):
    client = GrpcClient(url, key)
    metadata = client.call("ModelMetadata", client.pb.ModelMetadataRequest(name="mnist"))
    tensor = metadata.inputs[0]
    request = client.request("mnist", {tensor.name: (tensor.datatype, list(tensor.shape), raw)}, request_id="grpc-1")
    reply = client.call("ModelInfer", request)
    receipt = json.loads(reply.parameters["assay_receipt"].string_param)
    return {"id": reply.id, "digit": best(reply.raw_output_contents[0]), "jobId": reply.parameters["assay_job_id"].string_param, "submitter": receipt["request"]["message"]["submitter"]}


def over_http(url, key, raw):
    client = HttpClient(url, key)
    tensor = client.get("v2/models/mnist")["inputs"][0]
    document, tensors = client.infer("mnist", {tensor["name"]: (tensor["datatype"], tensor["shape"], raw)}, request_id="http-1")
    return {"id": document["id"], "digit": best(next(iter(tensors.values()))), "jobId": document["parameters"]["assay_job_id"], "signedBy": document["parameters"]["assay_signed_by"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grpc", default="127.0.0.1:8001")
    parser.add_argument("--http", default="127.0.0.1:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--digit", type=int, default=0)
    options = parser.parse_args()
    raw = digit(options.digit)
    print(json.dumps({"grpc": over_grpc(options.grpc, options.key, raw), "http": over_http(options.http, options.key, raw)}))


if __name__ == "__main__":
    main()
