"""Gets a token from the token broker. Needs botocore, which boto3 and the AWS CLI bring."""

import json
import os
import sys
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session


def get_token(connection, **body):
    url = f"{os.environ['TOKEN_BROKER_ENDPOINT']}/connections/{connection}/token"
    session = Session()
    request = AWSRequest("POST", url, data=json.dumps(body), headers={"Content-Type": "application/json"})
    SigV4Auth(session.get_credentials(), "execute-api", session.get_config_variable("region")).add_auth(request)
    signed = urllib.request.Request(url, request.data.encode(), dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(signed, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{refusal.code}: {refusal.read().decode()}")


if __name__ == "__main__":
    token = get_token("onboarding", scope="application.read")
    print(token["token_type"], token["scope"], token["expires_in"])
