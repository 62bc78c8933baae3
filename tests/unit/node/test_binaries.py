from dataclasses import fields
from pathlib import Path

import pytest

from local import toolchain
from local.places import GoModule
from node import binaries
from node.binaries import MODULES, NodeBinaries


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_each_module_pins_what_is_built_from_it(module: GoModule) -> None:
    text = (module.directory / "go.mod").read_text()
    assert module.version().startswith("v")
    assert all(package in text for package in module.packages.values())
    assert toolchain.required_version(module.directory) <= tuple(
        int(part) for part in toolchain.pinned_version().split(".")
    )


def test_programs_are_found_in_the_cache_of_their_module(tmp_path: Path) -> None:
    environment = {"GEMINI_OPERATOR_CACHE": str(tmp_path)}
    for module in MODULES:
        module.cache(environment).mkdir()
        for name in module.packages:
            program = module.cache(environment) / name
            program.touch(mode=0o755)
    found = binaries.ensure(pytest.fail, environment)
    assert found.ctr.name == "ctr"
    assert found.ctr.parent == found.containerd.parent != found.kubelet.parent
    names = {field.name.replace("_", "-") for field in fields(NodeBinaries)}
    assert names == {name for module in MODULES for name in module.packages}
