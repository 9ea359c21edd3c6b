"""What the workflow made and did not remove: in its namespace, in buckets and in a database, with the steps that would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.action import Action, Result, Right
from exitkit.clients import bucketurl
from exitkit.clients.kubernetes import Kube, discovery, find
from exitkit.clients.kubernetes.namespace import check_namespace
from exitkit.clients.sql import url as sqlurl
from exitkit.clients.sql.database import Database
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, Skip
from exitkit.process import destination
from exitkit.process.leftovers import cluster, folders, schemas
from exitkit.process.leftovers.bearing import Owners
from exitkit.process.leftovers.inventory import Inventory
from exitkit.settings.fields import ADDRESS, WORDS, as_value_error
from exitkit.text.redact import printable

# What a Role is made for where no kinds are named: what workflows make, without Secrets, whose list shows what is in them.
_USUAL = (
    "pods", "persistentvolumeclaims", "configmaps", "services", "jobs", "cronjobs", "deployments", "statefulsets",
    "daemonsets", "replicasets", "ingresses", "networkpolicies", "horizontalpodautoscalers",
)  # fmt: skip


class Leftovers(Action):
    """Find what the workflow made and did not remove, and write the cleanup steps that would.

    In its namespace, or by its uid in another one, these are objects that have Argo's label or another one with the workflow's name or uid, and what
    they or the workflow own, of every kind that the account may list; claims are told with their size. In buckets they are
    the prefixes, and in a database the schemas, and tables of the default schema, that bear the name or uid. A name that may
    be just a word, such as `train`, does not count but in Argo's label. Nothing is deleted, and what may not be listed is a
    note. What was made before the workflow is another one's of the same name.

    The steps go with any later run, too, as they name the workflow by templates. Templates of later steps read
    `steps.<id>.count`, `bytes`, `text`, `kinds`, `objects`, `prefixes`, `schemas`, `tables`, and `plan`, which is the steps.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        "count": "how many things are left",
        "bytes": "their size in bytes, as far as it is known",
        "text": "all of it in one line",
        "kinds": "how many objects of each kind",
        "objects": "the objects: kind, name, namespace, created, why, bytes, terminating",
        "prefixes": "places in buckets: place, objects, bytes, more",
        "schemas": "the schemas of the database",
        "tables": "its tables",
        "lookedAt": "the kinds that were listed",
        "plan": "the steps that would remove it, in YAML",
    }

    reads_in_dry_run: ClassVar[bool] = True  # it does nothing else
    reads_lines: ClassVar[bool] = False

    kubernetes: bool = Field(True, description="Look into the workflow's namespace.")
    kinds: Annotated[list[str], WORDS] = Field(
        [], description="Only these kinds, such as pvc, jobs.batch; by default all that the account may list."
    )
    buckets: list[str] = Field(
        [], description="Where runs leave folders, such as s3://models/runs/ or gs://models; credentials come as usual."
    )
    depth: int = Field(3, ge=0, le=10, description="How many folders deep buckets are searched.")
    database: SecretStr | None = Field(
        None, description="A database whose schemas and tables are looked at, as url in cleanup.sql."
    )
    password: SecretStr | None = Field(None, description="The password, if it is not in the database's url.")
    path: Annotated[destination.Place, ADDRESS] = Field(
        "", description="A file, s3://bucket/key or gs://bucket/key for the cleanup steps, as a plan of its own."
    )
    show: bool = Field(False, description="Print the cleanup steps, alone on stdout.")
    in_namespace: str | None = Field(None, description="The namespace; the workflow's by default.")
    kubeconfig: Path | None = Field(
        None,
        description="A kubeconfig, which needs the extra kubernetes; by default KUBECONFIG, else the pod's service "
        "account, else ~/.kube/config.",
    )
    context: str = Field("", description="A context of the kubeconfig; its current one by default.")

    @field_validator("kinds")
    @classmethod
    def _are_kinds(cls, kinds: list[str]) -> list[str]:
        for kind in kinds:
            if not kind.strip():
                raise ValueError("a kind is empty: was a template filled in with nothing?")
            with as_value_error():
                discovery.check(kind)
        return kinds

    @field_validator("buckets")
    @classmethod
    def _are_urls(cls, buckets: list[str]) -> list[str]:
        for url in buckets:
            with as_value_error():
                bucketurl.parse(url)
        return buckets

    @field_validator("database")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            sqlurl.read(url.get_secret_value())
        return url

    @field_validator("path")
    @classmethod
    def _leads_somewhere(cls, path: str) -> str:
        return destination.check(path) if path else path

    @model_validator(mode="after")
    def _looks_somewhere(self) -> "Leftovers":
        if not (self.kubernetes or self.buckets or self.database):
            raise ValueError("there is nowhere to look: give buckets or database, or leave kubernetes on")
        return self

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        if given.get("kubernetes", True) in (False, "false"):
            return ()
        kinds = given.get("kinds") or _USUAL
        wanted = (kinds,) if isinstance(kinds, str) else kinds if isinstance(kinds, list | tuple) else ()
        place = str(given.get("in_namespace") or "")
        if "{{" in place or "{%" in place:
            raise ConfigError(
                "in_namespace is known only in the run, and so is where the rights are needed: write it out"
            )
        listing = [
            Right(group, plural, ("list",), place) for group, plural in map(discovery.well_known, map(str, wanted))
        ]
        return [*listing, Right("argoproj.io", "workflows", ("get",), place)]

    def run(self, context: Context) -> Result:
        owners = Owners(context.workflow)
        if not owners.telling and not owners.doubtful:
            raise Skip("neither the workflow's name nor its uid is known, so nothing can be known to be its own")
        inventory = Inventory()
        looks: list[tuple[str, Callable[[], None]]] = []
        if self.kubernetes:
            looks.append(("Kubernetes", partial(self._cluster, owners, context, inventory)))
        looks += [(url, partial(self._bucket, url, owners, context, inventory)) for url in self.buckets]
        if self.database is not None:
            looks.append(("the database", partial(self._schemas, owners, context, inventory)))
        errors: list[ActionError | ConfigError] = []
        for where, look in looks:
            try:
                look()
            except (ActionError, ConfigError) as error:
                errors.append(error)
                inventory.notes.append(f"{printable(where, 200)} was not looked at: {error}")
        if len(errors) == len(looks):
            raise errors[0]
        plan = inventory.plan()
        if self.path and plan and not context.dry_run:
            destination.write(self.path, plan.encode(), context)
        return Result(
            inventory.text,
            inventory.facts(plan),
            tuple(dict.fromkeys(inventory.notes)),
            output=plan if self.show else "",
        )

    def _cluster(self, owners: Owners, context: Context, inventory: Inventory) -> None:
        namespace = context.workflow.namespace if self.in_namespace is None else self.in_namespace
        if not namespace:
            raise ActionError("the workflow's namespace is not known here: give in_namespace", reason="client")
        check_namespace(namespace)
        elsewhere = namespace if namespace != (context.workflow.namespace or namespace) else None
        if elsewhere:  # it may have a workflow of the same name
            owners = Owners(replace(context.workflow, name=""))
        path = str(self.kubeconfig) if self.kubeconfig else ""
        with Kube(partial(find.find, path, self.context, context.deadline.clock)) as kube:
            inventory.take_cluster(cluster.scan(kube, namespace, self.kinds, owners, context), namespace, elsewhere)

    def _bucket(self, url: str, owners: Owners, context: Context, inventory: Inventory) -> None:
        location = bucketurl.parse(url)
        if location.key and not location.key.endswith("/"):
            location = location._replace(key=f"{location.key}/")
        with bucketurl.open_bucket(location, connections=2) as bucket:
            inventory.take_folders(folders.scan(bucket, location, owners, self.depth, context))

    def _schemas(self, owners: Owners, context: Context, inventory: Inventory) -> None:
        url = self.database.get_secret_value() if self.database else ""
        address = sqlurl.read(url, self.password.get_secret_value() if self.password else "")
        database = Database(address, context, lock_timeout=3.0)
        try:
            inventory.take_schemas(schemas.scan(database, owners))
        finally:
            database.close()
