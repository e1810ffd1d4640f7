"""Every method of PEFT's, saved by PEFT: read as it merges it, or refused by its name."""

import warnings

import numpy as np
import pytest

from lora_bokeh.loading.open import SourceError, open_source
from tests.interop.models import llama, peft, torch, tuned

WIDTH, INNER = 24, 36


class Mlp(torch.nn.Module):
    """Two linear layers of different shapes, and a head."""

    def __init__(self):
        super().__init__()
        self.lin0 = torch.nn.Linear(WIDTH, INNER)
        self.lin1 = torch.nn.Linear(INNER, WIDTH)
        self.config = {"model_type": "custom"}

    def forward(self, X):
        return self.lin1(torch.relu(self.lin0(X)))


BOTH = {"target_modules": ["lin0", "lin1"]}
LOW = {**BOTH, "r": 3}
READ = {  # name: (configuration, options)
    "LoRA": ("LoraConfig", {**LOW, "lora_alpha": 5}),
    "KaSA": ("LoraConfig", {**LOW, "lora_alpha": 5, "kasa": True}),
    "MiCA": ("LoraConfig", {**LOW, "lora_alpha": 5, "init_lora_weights": "mica"}),
    "AdaLoRA": ("AdaLoraConfig", {**BOTH, "init_r": 4, "target_r": 2, "lora_alpha": 7,
                                  "total_step": 10}),
    "LoHa": ("LoHaConfig", {**LOW, "alpha": 5}),
    "LoHa of full rank": ("LoHaConfig", {**BOTH, "r": 8, "alpha": 5}),
    "LoKr": ("LoKrConfig", {**BOTH, "r": 2, "alpha": 5}),
    "LoKr of both": ("LoKrConfig", {**BOTH, "r": 2, "alpha": 5, "decompose_both": True,
                                    "decompose_factor": 6}),
    "LoKr whole": ("LoKrConfig", {**BOTH, "r": 30, "alpha": 5}),
    "GraLoRA": ("GraloraConfig", {**BOTH, "r": 4, "gralora_k": 2, "alpha": 5}),
    "GraLoRA, hybrid": ("GraloraConfig", {**BOTH, "r": 6, "gralora_k": 3, "alpha": 5,
                                          "hybrid_r": 2}),
    "DeLoRA": ("DeloraConfig", {**LOW}),
    "C3A": ("C3AConfig", {**BOTH, "block_size": 12}),
}  # fmt: skip
REFUSED = {
    "HIRA": ("HiraConfig", LOW),
    "MISS": ("MissConfig", LOW),
    "HRA": ("HRAConfig", {**BOTH, "r": 4}),
    "VERA": ("VeraConfig", LOW),
    "PVERA": ("PveraConfig", LOW),
    "RANDLORA": ("RandLoraConfig", LOW),
    "FOURIERFT": ("FourierFTConfig", {**BOTH, "n_frequency": 10}),
    "WAVEFT": ("WaveFTConfig", {**BOTH, "n_frequency": 10}),
    "VBLORA": ("VBLoRAConfig", {**LOW, "vector_length": 12, "num_vectors": 10}),
    "SHIRA": ("ShiraConfig", {**BOTH, "r": 1}),
    "IA3": ("IA3Config", {**BOTH, "feedforward_modules": []}),
    "OFT": ("OFTConfig", {**BOTH, "r": 0, "oft_block_size": 4}),
    "BOFT": ("BOFTConfig", {**BOTH, "boft_block_size": 4}),
    "LN_TUNING": ("LNTuningConfig", BOTH),
    "ROAD": ("RoadConfig", {**BOTH, "group_size": 4}),
    "OSF": ("OSFConfig", BOTH),
    "TINYLORA": ("TinyLoraConfig", BOTH),
    "UNILORA": ("UniLoraConfig", BOTH),
    "LILY": ("LilyConfig", LOW),
    "PSOFT": ("PsoftConfig", LOW),
    "GLORA": ("GloraConfig", LOW),
    "ADAMSS": ("AdamssConfig", BOTH),
    "BEFT": ("BeftConfig", BOTH),
    "FROD": ("FrodConfig", BOTH),
    "PEANUT": ("PeanutConfig", LOW),
    "DEFT": ("DeftConfig", LOW),
    "SUPERTUNING": ("SupertuningConfig", BOTH),
}


def saved(folder, kind, options):
    """Save an adapter of a method, every trainable number of it random, and return the model."""
    options = dict(options)
    if options.pop("kasa", False):
        options["kasa_config"] = peft.KasaConfig()
    config = getattr(peft, kind, None)
    if config is None:
        pytest.skip(f"this PEFT has no {kind}")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = peft.get_peft_model(Mlp(), config(**options)).eval()
        except ImportError as error:
            pytest.skip(str(error))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn_like(parameter) / 4)
        model.save_pretrained(folder)
    return model


def theirs(model):
    """Return {module: ΔW} by PEFT in float64."""
    found = {}
    for name, module in model.base_model.model.named_modules():
        kasa = "KaSA" if hasattr(module, "lora_diag") else ""  # whose own variant has the diagonal
        if kasa:
            delta = module.lora_variant["default"]._get_delta_weight(module, "default")
            found[name] = delta.detach().double().numpy()
        elif hasattr(module, "get_delta_weight"):
            found[name] = module.get_delta_weight("default").detach().double().numpy()
    return found


def dense(entry):
    matrix = entry.read()
    return np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix, float)


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_what_peft_merges(tmp_path, name):
    model = saved(tmp_path, *READ[name])
    expected = theirs(model)
    source = open_source(tmp_path)
    assert {e.name for e in source.entries} == set(expected) == {"lin0", "lin1"}
    for entry in source.entries:
        W = expected[entry.name]
        assert entry.shape == W.shape
        np.testing.assert_allclose(dense(entry), W, rtol=0, atol=1e-6 * np.abs(W).max())
        rank = np.linalg.matrix_rank(W, tol=1e-5 * np.linalg.norm(W, 2))
        assert rank <= entry.rank
    assert source.leftovers == {}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_its_name(tmp_path, name):
    saved(tmp_path, *REFUSED[name])
    with pytest.raises(SourceError, match=rf"PEFT's {name},"):
        open_source(tmp_path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_prompts_are_refused_by_their_name(tmp_path):
    for method, options in (("PromptTuningConfig", {}), ("PrefixTuningConfig", {})):
        config = getattr(peft, method)(task_type="CAUSAL_LM", num_virtual_tokens=3, **options)
        folder = tmp_path / method
        peft.get_peft_model(llama(), config).save_pretrained(folder)
        with pytest.raises(SourceError, match="adds to the input and changes no weight"):
            open_source(folder)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_no_type_of_peft_is_left_out(tmp_path):
    """A new method of PEFT's is refused by name until somebody reads it."""
    named = {*REFUSED, "LORA", "ADALORA", "LOHA", "LOKR", "GRALORA", "DELORA", "C3A"}
    tuned("LoRA").save_pretrained(tmp_path)
    config = tmp_path / "adapter_config.json"
    for kind in {kind.value for kind in peft.PeftType} - named:
        config.write_text(f'{{"peft_type": "{kind}", "r": 4, "lora_alpha": 6}}')
        with pytest.raises(SourceError, match=rf"PEFT's {kind},"):
            open_source(tmp_path)
