class Page:
    def __init__(self, simulator):
        pass

    async def serve(self, reader, writer):
        writer.close()
