"""Which variants a command works on that was given one, or none."""

from jpegai_bench.config.schema import Settings
from jpegai_bench.config.setting_names import choices, unreadable
from jpegai_bench.config.variants import Variant, packaged_variant, variant_names, variant_of
from jpegai_bench.errors import UsageError


def variants_of(settings: Settings) -> list[Variant]:
    """The one that is named, or each that ships and each in a folder of the user's.

    Raises:
        UsageError: one of the user's cannot be read.
    """
    if settings.variant:
        return [variant_of(settings)]
    shipped, folders = variant_names(), settings.config_folders[1:]
    for problem in unreadable("variant", folders).values():
        raise UsageError(problem)
    own = [
        packaged_variant(settings, name, folder)
        for folder in folders
        for name in choices("variant", [folder])
        if name not in shipped
    ]
    return [*(packaged_variant(settings, name) for name in shipped), *own]
