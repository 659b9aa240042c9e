"""What the sample files of deploy/ promise, checked on what they become: rendered manifests and real command lines."""
