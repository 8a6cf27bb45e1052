"""The Open Inference Protocol as tritonclient speaks it, from Debian packages alone.

Needs python3-grpcio, python3-protobuf and protobuf-compiler (python3-numpy for arrays). The stubs are generated at run time
from proto/inference of this repository, which has the messages, names and field numbers of the public protos. Bytes on the wire
are those of tritonclient: raw contents over gRPC, binary tensor data behind the JSON over HTTP.
"""
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
SERVICE = "/inference.GRPCInferenceService/"


def load_messages():
    """Generates and imports the message classes."""
    out = tempfile.mkdtemp(prefix="open-inference-")
    files = ["inference/model_config.proto", "inference/grpc_service.proto"]
    subprocess.run(["protoc", f"-I{PROTO}", f"--python_out={out}", *files], check=True)
    sys.path.insert(0, out)
    return importlib.import_module("inference.grpc_service_pb2")


class GrpcClient:
    """The calls of the service, each a method of its name; `key` is an API key."""

    def __init__(self, url, key=None):
        import grpc

        self.pb = load_messages()
        self.metadata = [("authorization", f"Bearer {key}")] if key else []
        self.channel = grpc.insecure_channel(url)

    def call(self, name, request=None, timeout=60):
        request = request or getattr(self.pb, f"{name}Request")()
        reply = getattr(self.pb, f"{name}Response")
        method = self.channel.unary_unary(SERVICE + name, request_serializer=type(request).SerializeToString, response_deserializer=reply.FromString)
        return method(request, metadata=self.metadata, timeout=timeout)

    def stream(self, requests, timeout=120):
        method = self.channel.stream_stream(
            SERVICE + "ModelStreamInfer", request_serializer=self.pb.ModelInferRequest.SerializeToString, response_deserializer=self.pb.ModelStreamInferResponse.FromString
        )
        return method(iter(requests), metadata=self.metadata, timeout=timeout)

    def request(self, model, inputs, request_id=""):
        """`inputs`: name -> (datatype, shape, bytes)."""
        message = self.pb.ModelInferRequest(model_name=model, id=request_id)
        for name, (datatype, shape, raw) in inputs.items():
            message.inputs.add(name=name, datatype=datatype, shape=shape)
            message.raw_input_contents.append(raw)
        return message


class HttpError(Exception):
    def __init__(self, status, body):
        super().__init__(body.get("error", str(status)))
        self.status = status
        self.body = body


class HttpClient:
    """The REST form; `url` is host:port."""

    def __init__(self, url, key=None):
        self.base = f"http://{url}/"
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path):
        return self._send(urllib.request.Request(self.base + path, headers=self.headers))[1]

    def infer(self, model, inputs, outputs=None, request_id=""):
        """Returns the JSON of the response and its tensors: name -> bytes."""
        described = [{"name": n, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}} for n, (datatype, shape, raw) in inputs.items()]
        body = {"id": request_id, "inputs": described}
        if outputs:
            body["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
        else:
            body["parameters"] = {"binary_data_output": True}
        header = json.dumps(body).encode()
        data = header + b"".join(raw for _, _, raw in inputs.values())
        headers = {**self.headers, "Inference-Header-Content-Length": str(len(header)), "Content-Type": "application/octet-stream"}
        received, document = self._send(urllib.request.Request(f"{self.base}v2/models/{model}/infer", data=data, headers=headers))
        tensors, at = {}, int(received["headers"]["Inference-Header-Content-Length"])
        for output in document["outputs"]:
            size = output["parameters"]["binary_data_size"]
            tensors[output["name"]] = received["body"][at : at + size]
            at += size
        return document, tensors

    def _send(self, request):
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                body, headers = response.read(), response.headers
        except urllib.error.HTTPError as error:
            raise HttpError(error.code, json.loads(error.read() or b"{}")) from None
        length = headers.get("Inference-Header-Content-Length")
        return {"body": body, "headers": headers}, json.loads(body[: int(length)] if length else body)
