"""A client of S3: a line of JSON on standard input is a command, a line on standard output its answer.

client.py ENDPOINT [CA]   credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY

["make", BUCKET]          makes a bucket
["put", BUCKET, KEY, TEXT]
["read", BUCKET]          {key: {bytes, sha256, media_type, metadata}} of every object, all of it read
["unfinished", BUCKET]    keys of multipart uploads that are open
"""

import hashlib
import json
import sys

import boto3
from botocore.config import Config


def read(s3, bucket):
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", []):
            got = s3.get_object(Bucket=bucket, Key=one["Key"])
            sha256, length = hashlib.sha256(), 0
            for piece in got["Body"].iter_chunks(1 << 20):
                sha256.update(piece)
                length += len(piece)
            found[one["Key"]] = {
                "bytes": length,
                "sha256": sha256.hexdigest(),
                "media_type": got["ContentType"],
                "metadata": got["Metadata"],
            }
    return found


def main():
    endpoint, ca = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", config=config, verify=ca or True
    )
    for line in sys.stdin:
        match json.loads(line):
            case ["make", bucket]:
                answer = bool(s3.create_bucket(Bucket=bucket))
            case ["put", bucket, key, text]:
                answer = bool(s3.put_object(Bucket=bucket, Key=key, Body=text.encode()))
            case ["read", bucket]:
                answer = read(s3, bucket)
            case ["unfinished", bucket]:
                uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
                answer = [one["Key"] for one in uploads]
        print(json.dumps(answer), flush=True)


main()
