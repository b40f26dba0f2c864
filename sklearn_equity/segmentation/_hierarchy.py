"""Which components belong together? A hierarchy by overlap, from the parameters alone.

A segment is a set of mixture components. Every step here only joins whole sets, so that
the labels of a coarser level are unions of those of a finer one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from sklearn.mixture import GaussianMixture


def component_distances(mixture: GaussianMixture) -> NDArray[np.float64]:
    r"""Bhattacharyya distance between every two components: 0 if they are the same.

    For means a distance d apart and covariances S1 and S2 with mean S it is
    :math:`d^T S^{-1} d / 8 + \log(|S| / \sqrt{|S_1| |S_2|}) / 2`; the densities'
    overlap, the integral of the root of their product, is its negative exponential.
    """
    covariances = _full_covariances(mixture)
    means = mixture.means_
    log_determinants = np.linalg.slogdet(covariances)[1]
    distances = np.zeros((len(means), len(means)))
    for i in range(len(means) - 1):
        later = slice(i + 1, None)
        middle = (covariances[i] + covariances[later]) / 2.0
        apart = means[later] - means[i]
        solved = np.linalg.solve(middle, apart[:, :, np.newaxis])[:, :, 0]
        mahalanobis = np.einsum("ij,ij->i", apart, solved)
        spread = np.linalg.slogdet(middle)[1] - 0.5 * (
            log_determinants[i] + log_determinants[later]
        )
        distances[i, later] = mahalanobis / 8.0 + spread / 2.0
    distances = np.maximum(distances, 0.0)  # rounding may leave -1e-17
    return distances + distances.T


def _full_covariances(mixture: GaussianMixture) -> NDArray[np.float64]:
    """Write the covariances of any type as one matrix a component."""
    n_components, n_features = mixture.means_.shape
    covariances = mixture.covariances_
    if mixture.covariance_type == "full":
        return covariances
    if mixture.covariance_type == "tied":
        return np.repeat(covariances[np.newaxis], n_components, axis=0)
    variances = np.reshape(covariances, (n_components, -1))  # one, or one a feature
    return variances[:, np.newaxis, :] * np.eye(n_features)


def segment_distances(
    distances: NDArray[np.float64], segment_of: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Average the distances of the components of every two segments."""
    members = np.eye(segment_of.max() + 1)[segment_of]
    counts = members.sum(axis=0)
    averages = members.T @ distances @ members / np.outer(counts, counts)
    np.fill_diagonal(averages, 0.0)
    return averages


def merge_small_segments(
    rows_of_component: NDArray[np.intp],
    distances: NDArray[np.float64],
    min_segment_size: int,
) -> NDArray[np.intp]:
    """Join the smallest segment to the nearest one until none is too small.

    Returns the segment of every component; segments are numbered in the order of their
    first component. Of equally small segments the first goes first, of equally near
    ones the first is taken.
    """
    segment_of = np.arange(len(rows_of_component))
    sizes = rows_of_component.copy()
    while len(sizes) > 1 and sizes.min() < min_segment_size:
        smallest = int(sizes.argmin())
        between = segment_distances(distances, segment_of)
        between[smallest, smallest] = np.inf
        nearest = int(between[smallest].argmin())
        segment_of = _join(segment_of, smallest, nearest)
        sizes = np.bincount(segment_of, weights=rows_of_component)
    return segment_of


def _join(segment_of: NDArray[np.intp], first: int, second: int) -> NDArray[np.intp]:
    """Give two segments the lower of their numbers, and close the gap."""
    low, high = sorted((first, second))
    joined = np.where(segment_of == high, low, segment_of)
    return joined - (joined > high)


def build_hierarchy(between: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average linkage of the segments, in the form of SciPy's linkage matrices."""
    if len(between) == 1:
        return np.empty((0, 4))
    return linkage(squareform(between, checks=False), method="average")


def cut_hierarchy(
    hierarchy: NDArray[np.float64], n_segments: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Undo all merges but those that leave `n_segments`, and keep the rest as a tree.

    Returns the coarse segment of every fine one, numbered in the order of the first
    fine segment, and the hierarchy of the coarse segments.
    """
    n_fine = len(hierarchy) + 1
    n_done = n_fine - n_segments
    members: dict[int, list[int]] = {i: [i] for i in range(n_fine)}
    for step, (first, second) in enumerate(hierarchy[:n_done, :2].astype(int)):
        members[n_fine + step] = members.pop(first) + members.pop(second)
    nodes = sorted(members, key=lambda node: min(members[node]))
    coarse_of = np.empty(n_fine, dtype=np.intp)
    for coarse, node in enumerate(nodes):
        coarse_of[members[node]] = coarse
    return coarse_of, _renumber(hierarchy[n_done:], nodes, n_fine + n_done)


def _renumber(
    merges: NDArray[np.float64], leaves: list[int], first_node: int
) -> NDArray[np.float64]:
    """Make a linkage matrix of the last merges, whose leaves are nodes of the whole."""
    number = {node: leaf for leaf, node in enumerate(leaves)}
    counts = [1] * len(leaves)
    rows = np.empty((len(merges), 4))
    for step, (left, right, height, _) in enumerate(merges):
        first, second = sorted((number[int(left)], number[int(right)]))
        counts.append(counts[first] + counts[second])
        number[first_node + step] = len(leaves) + step
        rows[step] = first, second, height, counts[-1]
    return rows
