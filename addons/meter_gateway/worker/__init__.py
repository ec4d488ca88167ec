"""The run of a worker: claims commands, drives the engine, records what came back.

Nothing here defines a model. `run.WorkerRun` is the whole of it; the other modules are its parts.
"""
