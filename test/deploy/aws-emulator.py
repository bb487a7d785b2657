"""Creates and updates stacks of the template against moto, in this process; prints what there was as JSON.

Usage: aws-emulator.py TEMPLATE CASES; CASES is a JSON object from stack name to a list of parameter objects: the first
creates the stack, the others update it.
"""

import json
import os
import re
import sys
import uuid

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="eu-central-1")

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.cloudformation import parsing  # noqa: E402
from moto.core.common_models import CloudFormationModel  # noqa: E402
from moto.ecs.models import TaskDefinition  # noqa: E402
from moto.efs.models import AccessPoint, FileSystem  # noqa: E402

# The emulator gives no attributes of these.
FileSystem.get_cfn_attribute = lambda self, name: {"Arn": self.file_system_arn}[name]
AccessPoint.get_cfn_attribute = lambda self, name: {"Arn": self.access_point_arn}[name]

# The emulator's update spells the containers' properties wrongly; a changed task definition is a new revision anyway.
TaskDefinition.update_from_cloudformation_json = classmethod(
    lambda cls, original_resource, new_resource_name, **changed: cls.create_from_cloudformation_json(
        new_resource_name, **changed
    )
)


class Recorded(CloudFormationModel):
    """Stands for a resource whose type the emulator does not make: it only has a name and attributes."""

    # The emulator tells the service by the module.
    __module__ = "moto.cloudformation"

    def __init__(self, name):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        return cls(f"{resource_name}-{uuid.uuid4().hex[:8]}")

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, **changed):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *args):
        return None

    def get_cfn_attribute(self, name):
        return f"{self.physical_resource_id}.{name}"

    def is_created(self):
        return True


def stand_in(template):
    """Lets the emulator take the types that it lacks; gives their names."""
    types = {line.split()[-1] for line in template.splitlines() if line.startswith("    Type: AWS::")}
    # It makes DBInstances, but none of an Aurora cluster.
    known = set(parsing.get_model_map()) - {"AWS::RDS::DBInstance"}
    missing = sorted(types - known)
    for name in missing:
        members = {"cloudformation_type": staticmethod(lambda name=name: name), "__module__": "moto.cloudformation"}
        parsing.get_model_map()[name] = type("Recorded", (Recorded,), members)
        parsing.get_model_list().append(parsing.get_model_map()[name])
    return missing


def resources(client, stack):
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        entry["LogicalResourceId"]: entry["PhysicalResourceId"]
        for page in pages
        for entry in page["StackResourceSummaries"]
    }


def facts(found):
    """What the emulated services themselves say of the resources that matter most."""
    seen = {}
    ecs = boto3.client("ecs")
    for name in ("CatalogTask", "AppTask", "QueryTask"):
        if name in found:
            task = ecs.describe_task_definition(taskDefinition=found[name])["taskDefinition"]
            [container] = task["containerDefinitions"]
            seen[name] = {"image": container["image"], "volumes": task["volumes"]}
    for name in ("CatalogService", "AppService", "QueryService"):
        if name in found:
            [service] = ecs.describe_services(cluster=found["Cluster"], services=[found[name]])["services"]
            seen[name] = {"desired": service["desiredCount"], "task": service["taskDefinition"]}
    if "DataBucket" in found:
        answer = boto3.client("s3").get_bucket_encryption(Bucket=found["DataBucket"])
        seen["DataBucket"] = {"encryption": answer["ServerSideEncryptionConfiguration"]}
    if "CatalogFileSystem" in found:
        efs = boto3.client("efs")
        [system] = efs.describe_file_systems(FileSystemId=found["CatalogFileSystem"])["FileSystems"]
        seen["CatalogFileSystem"] = {
            "encrypted": system["Encrypted"],
            "mountTargets": system["NumberOfMountTargets"],
            "backup": efs.describe_backup_policy(FileSystemId=found["CatalogFileSystem"])["BackupPolicy"]["Status"],
        }
    return seen


@mock_aws
def main(path, cases):
    client = boto3.client("cloudformation")
    with open(path, encoding="utf8") as file:
        template = file.read()
    # The emulator knows neither the tag !Condition nor Fn::Cidr.
    template = re.sub(r"!Condition (\w+)", r"{ Condition: \1 }", template)
    cidr = "!Cidr [!Ref VpcCidr, 2, 8]"
    assert template.count(cidr) == 2
    template = template.replace(cidr, "[10.20.0.0/24, 10.20.1.0/24]")
    certificate = boto3.client("acm").request_certificate(DomainName="telemetry.example")["CertificateArn"]
    answer = {"standIns": stand_in(template), "stacks": {}}
    for stack, steps in cases.items():
        answer["stacks"][stack] = []
        for at, values in enumerate(steps):
            call = client.create_stack if at == 0 else client.update_stack
            given = [
                {"ParameterKey": key, "ParameterValue": certificate if key == "CertificateArn" else value}
                for key, value in values.items()
            ]
            call(StackName=stack, TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_IAM"])
            [described] = client.describe_stacks(StackName=stack)["Stacks"]
            found = resources(client, stack)
            outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described.get("Outputs", [])}
            answer["stacks"][stack].append(
                {"status": described["StackStatus"], "resources": found, "facts": facts(found), "outputs": outputs}
            )
    print(json.dumps(answer))


main(sys.argv[1], json.loads(sys.argv[2]))
