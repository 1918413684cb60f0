"""A Ray cluster of local nodes: a head that computes nothing and two that do, each started again when it dies."""

import os
import signal
import time

from ray.cluster_utils import Cluster

STORE = {"object_store_memory": 80_000_000}
NODES = 2


def raylet(node):
    return node.all_processes["raylet"][0].process


def main():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **STORE})
    parent, nodes, over = os.getppid(), [], []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    print("RAY", cluster.address, flush=True)
    try:
        while not over and os.getppid() == parent:
            for node in [one for one in nodes if raylet(one).poll() is not None]:
                cluster.remove_node(node, allow_graceful=False)  # what its raylet left behind
                nodes.remove(node)
            if len(nodes) < NODES:
                nodes.append(cluster.add_node(num_cpus=1, **STORE))
                print("NODE", raylet(nodes[-1]).pid, flush=True)
            time.sleep(0.2)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
