"""Are the gradients right? Compare them with numerical ones.

The derivative of a loss L with respect to one number w can be measured: move w a little to both
sides and see what L does,

    dL/dw ≈ (L(w + ε) − L(w − ε)) / 2ε        the central difference.

Do that for every entry of every parameter and of the input, and compare with what ``backward``
says. A network with half of its gradients missing still trains, only worse, so no accuracy
proves a gradient; this does.

**On a layer of your own**, in float64:

    >>> import numpy as np
    >>> from engine.gradcheck import check_layer
    >>> from engine.layers import Layer
    >>> class Scale(Layer):
    ...     '''y = w·x, with one weight for each feature.'''
    ...     def reset_parameters(self, rng, dtype):
    ...         self.params = {"weight": rng.standard_normal(3).astype(dtype)}
    ...     def forward(self, x):
    ...         self.saved = x
    ...         return self.params["weight"] * x
    ...     def backward(self, dout):
    ...         self.grads["weight"][...] = (dout * self.saved).sum(axis=0)
    ...         return dout * self.params["weight"]
    >>> rng = np.random.default_rng(0)
    >>> layer = Scale().initialise(rng, np.float64)
    >>> report = check_layer(layer, rng.standard_normal((4, 3)), rng=rng)
    >>> report.passed, report.worst.error < 1e-7
    (True, True)

A wrong gradient fails, and the report (``print(report)``) says where:

    >>> class Broken(Scale):
    ...     def backward(self, dout):
    ...         dx = super().backward(dout)
    ...         self.grads["weight"][1] *= 1.0001
    ...         return dx
    >>> report = check_layer(Broken().initialise(rng, np.float64), np.ones((4, 3)), rng=rng)
    >>> report.passed, report.worst.tensor, report.worst.index
    (False, 'weight', (1,))

**What L is.** A layer's output is an array, so it is weighed with a random upstream gradient:
L = Σ dout·y. Then dL/dy = dout, which is what ``backward`` is given. With ones for dout a softmax
or a batch norm would have the gradient 0, and a missing one would look right.

**Why central.** Taylor's series says that the one-sided difference (L(w + ε) − L(w)) / ε is wrong
by ε·L''/2, the central one only by ε²·L'''/6: the even terms cancel.

**Which ε.** That truncation error falls as ε², but rounding grows as 1/ε: y is known to about
u = 1.1e-16 of its size, so the quotient to about u·|y|/ε. At ε = 1e-6 both lie below 1e-9. In
float32 (u = 6e-8) the best that any ε reaches is about 1e-3, and a tolerance that lets that pass
lets wrong gradients pass: the check therefore insists on float64. The difference is formed for
every output before it is summed, so that outputs that did not change add no rounding.

**Where no single ε will do.** A batch norm divides by the deviation of its batch. If that is tiny,
as of few samples that look alike, it magnifies the rounding of all that lies before it, a
thousandfold say, and the function bends within a small distance as well. A slope that does not
agree at ε is therefore measured again, from ε/256 to 1024·ε, each step 4 times the one before;
one that agrees at one of the small ones is right. Else all of them together count: the difference
quotient at step h is wrong by a·h² + b·h⁴ + …, so (16·D(h) − D(4h))/15 is free of the first term,
and so on (Richardson). Of all such combinations the one is taken that its own neighbours agree
with best. Its *uncertainty* is by how much they do not, and what rounding makes of it, which is
measured, not assumed: L at 13 points within 3·ε is a straight line but for rounding, so their
third differences show the rounding alone. None of this looks at what ``backward`` says. A gradient
within the uncertainty is right, as long as the uncertainty is less than a thousandth of the slope.
If it is more, and the gradient does not happen to agree to the tolerance, the tensor is
"undecided": that is neither right nor wrong, and such a check has not passed.

**The relative error** of an entry with analytic gradient a and numeric gradient n is

    |a − n| / max(|a|, |n|, floor),    floor = max(0.1·scale, resolution / tolerance).

Near 0 a relative error means nothing, hence the floor, and it is made so that it hides nothing.
``scale`` is the larger root mean square of the tensor's checked a and n (for random directions
also that of the whole gradient), so an entry that is missing (a = 0) is seen if n is more than a
ten-millionth of the scale, at the tolerance 1e-6. ``resolution`` is the rounding of the output,
about 16·u·‖dout·y‖/ε, or the uncertainty of a slope that was measured again: below it no numerical
gradient knows anything. A tensor whose gradients all lie below it is called "zero" (if it is
less than 1e-5·‖dout·y‖ itself; an output of a network counts as 1 at least): right for the bias
of a convolution before a batch norm, and suspicious elsewhere.

**Traps.**

* *Kinks.* ReLU and max-pooling have no derivative where they switch. If w ± ε straddles a switch,
  the quotient is a mixture. The smaller steps leave nearly every kink outside. If one of
  thousands of ReLUs sits nearer than that, the slope of the side that does not cross it is what
  counts. Only where the two sides differ by more than a tenth, or the analytic gradient lies
  between them, is the entry skipped as a kink. Skips are counted and shown, and more than 5 % of
  a tensor's entries fail: skipping cannot hide an error. (Equal pixels make kinks of nearly all
  entries of a max-pool: add a little noise.) A network with fresh weights is full of kinks: its
  biases are 0, and so is what a ReLU gets of a black patch or a dead unit. ``check_network``
  compares the gradients at a point nearby, with all parameters moved by about a thousandth.
* *Dropout* must drop the same in every pass: its generator is made anew from one seed.
* *Batch norm* moves its running statistics in every pass; they are put back each time. Check it
  in training mode and in evaluation mode: the gradients differ.
* *One entry is not enough.* Strides, borders and ties go wrong in some places only. Check all of
  them, or many at random; for a big network use random directions, each of which sees all
  entries of a tensor at once: the slope of L along d must be the dot product of gradient and d.
* *A tolerance that cannot fail.* Break your backward on purpose, and see the check fail.

Sources: Baydin et al., 'Automatic differentiation in machine learning: a survey', 2018, section
2.1; Nocedal and Wright, 'Numerical optimization', 2006, chapter 8.1; CS231n, 'Gradient checks';
Ridders, 'Accurate computation of F'(x) and F'(x)F''(x)', 1982; Moré and Wild, 'Estimating
computational noise', 2011.
"""

from engine.gradcheck.differences import Mode
from engine.gradcheck.layer import check_layer
from engine.gradcheck.network import check_network
from engine.gradcheck.report import Measured, Report, Row

__all__ = ["Measured", "Mode", "Report", "Row", "check_layer", "check_network"]
