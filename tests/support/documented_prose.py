"""The sentences of README, `docs/which.md` and `docs/evidence.md` that name accuracies, with fields
where figures are; `tests/support/documented.py` says what fields there are.

A paragraph is a piece of a page, whose line breaks are not these.
"""

README = """
they are <revival: leni minus nothing> points from untreated ones

LENI is <standard: leni minus relu> points from ReLU in a fast network and <resnet20: leni minus
relu> in a ResNet-20

ON/OFF ReLU in a normalized plain CNN is <on_off: full, batch minus conventional, batch> from ReLU
with all its filters, which are twice the parameters, and <on_off: halved, batch minus
conventional, batch> with half of them

| small CNN, not normalized, new labels time after time: learned of the last five of twenty |
<random_labels: relu> % | <random_labels: leni> % | leaky ReLU <random_labels: leaky> %; ON/OFF
ReLU <random_labels: on_off> %; PReLU <random_labels: prelu> % |

above untreated networks | | <revival: leni minus nothing>: <revival, verdict: leni> | ON/OFF ReLU
<revival: on_off minus nothing>: <revival, verdict: on_off>; dead units drawn anew <revival:
reinitialized minus nothing>: <revival, verdict: reinitialized> |

| fast network, 32 x 32, <standard, seeds: relu> seeds | <standard: relu> % | <standard:
leni minus relu>: <standard, verdict: leni> | GELU <standard: gelu minus relu>:
<standard, verdict: gelu>; ReLU with a depthwise convolution behind <standard: relu + depthwise
minus relu>: <standard, verdict: relu + depthwise>; Funnel ReLU <standard: funnel minus relu>:
<standard, verdict: funnel> |

| ResNet-20, 16 x 16, <resnet20, seeds: relu> seeds | <resnet20: relu> % | <resnet20: leni minus
relu>: <resnet20, verdict: leni> | Funnel ReLU <resnet20: funnel minus relu>: <resnet20, verdict:
funnel> |

| plain CNN, normalized, 16 x 16, <on_off, seeds: conventional, batch> seeds | <on_off:
conventional, batch> % | | ON/OFF ReLU with all its filters <on_off: full, batch minus
conventional, batch>: <on_off/batch, verdict: full, batch>; with half of them <on_off: halved,
batch minus conventional, batch>: <on_off/batch, verdict: halved, batch> |
"""
WHICH = """
| fast network, <standard: relu> % with ReLU: GELU <standard: gelu minus relu>, SiLU <standard:
silu minus relu>, LENI <standard: leni minus relu>, PReLU <standard:
prelu minus relu>, Funnel ReLU <standard: funnel minus relu> |

ResNet-20 at 16 x 16: Funnel ReLU <resnet20: funnel minus relu>, LENI <resnet20: leni minus relu> |

4,000 images, on validation images, three seeds: LENI <choice_of_gain/0.1/cifar_resnet20: keep,
gain 2 minus relu> in a ResNet-20, <choice_of_gain/0.1/on_off_cnn: keep, gain 2 minus relu> in a
plain CNN

ON/OFF ReLU with all filters in a plain CNN: <on_off: full, batch minus conventional, batch> with
normalization, <on_off: full from he, none minus conventional, none> without, from He's start,
open once adjusted

ON/OFF ReLU, halved: <on_off: halved, batch minus conventional, batch> with half of them; ReLU
with a quarter of them: <on_off: conventional_half, batch minus conventional, batch> |

halved ON/OFF ReLU is above ReLU with half the filters, <on_off: halved, batch minus
conventional_half, batch>, for twice its parameters

fast network, one epoch: LENI <fine_tuning: leni minus relu>, its new blocks alone
<fine_tuning: leni, new blocks alone minus relu>, PReLU <fine_tuning: prelu
minus relu>, SiLU <fine_tuning: silu minus relu>, Funnel ReLU <fine_tuning: funnel minus relu>;
ResNet-20 on little data, three epochs: LENI <reduced/fine_tuning: leni minus relu> |

| RGB images, and the retinal front end | <reduced/protocols: conventional, retina minus
conventional> at 16 x 16 pixels, on little data |

rhythms, <rhythms: relu> % with ReLU: GELU <rhythms: gelu minus relu>, LENI <rhythms: leni minus
relu>, ON/OFF ReLU with half the parameters <rhythms: on_off_relu_halved minus relu> |

of the last five labellings learned: ReLU <random_labels: relu> %, LENI <random_labels: leni> %,
ON/OFF ReLU and leaky ReLU <random_labels: on_off> %, PReLU <random_labels: prelu> % (

of the fifth labelling after it: untreated <revival, accuracy 5: nothing> %, dead units drawn anew
<revival, accuracy 5: reinitialized> %, swapped to LENI <revival, accuracy 5: leni> %, to PReLU
<revival, accuracy 5: prelu> % (

fast network, <robustness: relu> % with ReLU: GELU <robustness: gelu minus relu>, LENI
<robustness: leni minus relu>, Funnel ReLU <robustness: funnel minus relu>, <robustness, verdict:
funnel> (
"""
EVIDENCE = """
none with ON/OFF ReLU, <random_labels, dead: leni> % with LENI; of the last five labellings
<random_labels: relu> % learned, <random_labels: on_off> %, <random_labels: leni> %

CIFAR-10, fast network <standard: leni minus relu>, with a gain of 3 <standard: leni, gain 3 minus
relu>; ResNet-20 at 16 x 16 <resnet20: leni minus relu>, with a gain of 3 <resnet20: leni, gain 3
minus relu>; rhythms <rhythms: leni minus relu>

on little data, LENI against its kernel kept at its start: plain CNN <learning/on_off_cnn: leni,
gain 2 minus leni, frozen kernel>, ResNet-20 <learning/cifar_resnet20: leni, gain 2 minus leni,
frozen kernel>; with a gain of 1, LENI against LENI without it, not adjusted: plain CNN
<reduced/cnn: leni minus leni_no_transform>, ResNet-20 <reduced/resnet20: leni minus
leni_no_transform>; gain 3: all of CIFAR-10, fast network <claims: leni, gain 3 minus leni, no
transformation> |

Mish is <claims: mish minus relu> from ReLU: <claims, verdict: mish>.

a small one, GELU <tokens: gelu> %: LENI that keeps GELU <tokens: leni minus gelu>, <tokens, seeds:
leni> seeds |

LENI against LENI with both transformed, not adjusted: plain CNN <reduced/cnn: leni minus
leni_both_branches>, ResNet-20 <reduced/resnet20: leni minus leni_both_branches>; gain 3: all of
CIFAR-10, fast network <claims: leni, gain 3 minus leni, both branches> |

LENI at half the width against ReLU at all of it: plain CNN <reduced/cnn: leni 1/2 minus relu>,
ResNet-20 <reduced/resnet20: leni 1/2 minus relu>; gain 3: all of CIFAR-10, fast network <claims:
leni 1/2 minus relu>, <claims: leni 3/4 minus relu> at three quarters of it |

with it LENI is <claims: leni, gain 3 minus leni, no transformation>, and with both branches
transformed no better, LENI as it is being <claims: leni, gain 3 minus leni, both branches> from it.
At half the width LENI is <claims: leni 1/2 minus relu 1/2> from a ReLU of that width, at three
quarters <claims: leni 3/4 minus relu 3/4>: it

normalized <on_off: full, batch minus conventional, batch>; not normalized, from He's start,
<on_off: full from he, none minus conventional, none>, from `LooksLinear` <on_off: full, none
minus conventional, none>, where one of five runs diverged; with half the filters <on_off: halved,
batch minus conventional, batch>, and <on_off: halved from he, none minus conventional, none> from
He's start

on little data <reduced/protocols: conventional, retina minus conventional> in front of the
conventional network

against the first <standard: leni minus relu + depthwise>, against Funnel ReLU <standard: leni
minus funnel>; in the ResNet Funnel ReLU is <resnet20: funnel minus relu> above ReLU, LENI against
it <resnet20: leni minus funnel> |

which learns at twice the rate of 3 here, is <standard: leni minus leni, gain 3> from it, not
adjusted.

between LENI and Funnel ReLU no difference was seen, <resnet20: leni minus funnel>, nor between
LENI's two gains, <resnet20: leni minus leni, gain 3>, neither adjusted.

minus that with it: <on_off: full from he, none minus conventional, none minus full, batch plus
conventional, batch>; from `LooksLinear` <on_off: full, none minus conventional, none minus full,
batch plus conventional, batch> |

| normalized <on_off: halved, batch minus conventional_half, batch>; not normalized, from He's
start <on_off: halved from he, none minus conventional_half, none>, from `LooksLinear` <on_off:
halved, none minus conventional_half, none>;

there alone: normalized <on_off: first third, batch minus conventional, batch>, not normalized
<on_off: first third, none minus conventional, none>

LENI <fine_tuning: leni minus relu>, its new blocks alone <fine_tuning: leni, new blocks alone
minus relu>, PReLU <fine_tuning: prelu minus relu>, SiLU <fine_tuning: silu minus
relu>, Funnel ReLU <fine_tuning: funnel minus relu>; gain 1: ResNet-20 on little data, LENI
<reduced/fine_tuning: leni minus relu> |

With all its filters ON/OFF ReLU is better where the network is normalized, by <on_off: full,
batch minus conventional, batch>;

online it is at <random_labels, online 6: leni> % in the sixth labelling and at <random_labels,
online 20: leni> % in the last, ON/OFF ReLU with all its filters at <random_labels, online 6:
on_off> % and <random_labels, online 20: on_off> %.

it falls from <random_labels, online 6: leni, gain 3> % to <random_labels, online 20: leni, gain
3> %.

Points above ReLU (<choice/cifar_resnet20: relu>, <choice/on_off_cnn: relu> and
<choice/fast_network: relu> %)

gain 3 is above gain 1 by <choice/cifar_resnet20: keep, gain 3 minus keep>, <choice/on_off_cnn:
keep, gain 3 minus keep> and <choice/fast_network: keep, gain 3 minus keep>.

with gain 3 none to Funnel ReLU there, <choice/cifar_resnet20: keep, gain 3 minus funnel>; it is
<choice/on_off_cnn: keep, gain 3 minus funnel> below it in the plain CNN and <choice/fast_network:
keep, gain 3 minus funnel> above it in the fast network.

against it the sum, with a gain of 3, is <choice/cifar_resnet20: sum, gain 3 minus keep, gain 3>,
<choice/on_off_cnn: sum, gain 3 minus keep, gain 3> and <choice/fast_network: sum, gain 3 minus
keep, gain 3>.

against the start that keeps is <choice/cifar_resnet20: leaky 0.1, sum, gain 3 minus keep, gain
3>, <choice/on_off_cnn: leaky 0.1, sum, gain 3 minus keep, gain 3> and <choice/fast_network: leaky
0.1, sum, gain 3 minus keep, gain 3>, so

it is <choice_of_gain/0.1/cifar_resnet20: keep, gain 2 minus relu> above ReLU in the ResNet;
against 1 no difference was seen there, <choice_of_gain/0.1/cifar_resnet20: keep, gain 2 minus
keep> and <choice_of_gain/0.1/on_off_cnn: keep, gain 2 minus keep>.

Against 1 at 0.01 and in the fast network it is <choice/cifar_resnet20: keep, gain 2 minus keep>,
<choice/on_off_cnn: keep, gain 2 minus keep> and <choice/fast_network: keep, gain 2 minus keep>,
not adjusted
"""
# For a table on little data its reference, and its row: means of the differences to it, each with
# its verdict where there is one.
LITTLE_DATA = {
    "cnn": """
| ReLU, <relu> % | LENI <leni>; LENI with both branches transformed <leni_both_branches>, Funnel
ReLU <funnel>, PReLU <prelu>, LENI at half the width <leni 1/2> |
""",
    "resnet20/activations": """
| ReLU, <relu> % | Funnel ReLU <funnel>; LENI <leni>, LENI with both branches transformed
<leni_both_branches>, LENI at half the width <leni 1/2> |
""",
    "protocols": """
| conventional CNN, <conventional> % | ON/OFF ReLU full <full>, halved <halved>; half the filters
<conventional_half>; with the retinal front end <conventional, retina> |
""",
    "fine_tuning": """
| ReLU trained on, <relu> % | LENI <leni>; PReLU <prelu>, SiLU <silu>; Funnel ReLU <funnel> |
""",
    "fashion_mnist": """
| ReLU, <relu> % | LENI <leni>, SiLU <silu>, ON/OFF ReLU halved <on_off_relu_halved> |
""",
    "designs": """
| ReLU, <relu> % | Funnel ReLU <funnel>, a leaky start <leaky>, LENI <leni>, normalized <batch>,
rectified <rectified> |
""",
}
