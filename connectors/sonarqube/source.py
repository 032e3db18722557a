"""Where componentize-py looks for the resource of the interface `source`."""

import kit


class DocumentReader:
    """This connector reads no files."""

    def __init__(self, head):
        pass

    def survey(self, piece):
        raise kit.unsupported("files")

    def summarize(self):
        raise kit.unsupported("files")

    def read(self, piece):
        raise kit.unsupported("files")

    def finish(self):
        raise kit.unsupported("files")
