"""What a network throws away: its negative information, activation by activation."""

from keras_negact.analysis.monitor import ActivationMonitor
from keras_negact.analysis.pictures import draw_feature_maps
from keras_negact.analysis.report import (
    NegativeInformationReport,
    SiteReport,
    negative_information_report,
)

__all__ = [
    "ActivationMonitor",
    "NegativeInformationReport",
    "SiteReport",
    "draw_feature_maps",
    "negative_information_report",
]
