"""The studies of the protocol `standard`, in the order in which they are run.

Each is a function of the command line's settings, of its folder, and of further arguments of
`compare_activations`.
"""

import _dead_channels
import _fast_network_studies
import _fine_tuning_study
import _on_off_studies
import _robustness
import _small_network_studies

STUDIES = {
    **_fast_network_studies.STUDIES,
    **_fine_tuning_study.STUDIES,
    **_robustness.STUDIES,
    **_dead_channels.STUDIES,
    **_on_off_studies.STUDIES,
    **_small_network_studies.STUDIES,
}
