"""Families of extraction prompts, told by how a prompt is built and by a few published phrases.

Each is what reports of campaigns describe (reasoning asked for, the language of thought prescribed,
answers graded, texts reworded, tasks made up, sessions replayed), in the languages that are cheap
to write down. All of them occur in honest work: what is odd is an account that does little else.
A prompt may be of several families. Plain character classes only, as in skeletons.py, and one
pattern a family without long gaps, so that an automaton reads a prompt once for each.
"""

from typing import NamedTuple

import ibis.expr.types as ir

FIRST, LAST = 400, 300  # characters of a long prompt that are looked at, from each end
TONGUES = (
    "(english|chinese|mandarin|cantonese|japanese|korean|russian|spanish|portuguese|french|german|"
    "italian|arabic|hindi|persian|turkish|vietnamese|indonesian|katakana|pinyin|"
    "(the )?(same|user.?s|original|target|following) language|the language of)"
)
THOUGHT = "(reasoning|thinking|thoughts?|thought process|deliberation|scratchpad|monologue)"
TASK = (
    "(tasks?|questions?|problems?|exercises?|prompts?|instructions?|puzzles?|scenarios?|"
    "test cases?|dialogues?|conversations?)"
)
WORK = "(answers?|response|reply|completion|candidate|solution|output|submission)"
BETWEEN = "([^ .!?]+ ){0,4}"  # a few words of one sentence
WITHIN = "[^.!?]{0,24}"


class Family(NamedTuple):
    """words: what an analyst reads. A lower-case prompt is of the family when one of the patterns
    is in it."""

    slug: str
    words: str
    patterns: tuple[str, ...]


FAMILIES = (
    Family(
        "reasoning",
        "asks for the reasoning behind an answer",
        (
            r"step[ -]by[ -]step|chain[ -]of[ -]thought|think(ing)? (aloud|out loud|it through)",
            r"(show|write|state|give|reveal|include|spell|lay|expose|print|report) " + BETWEEN
            + r"(" + THOUGHT + r"|working|derivation|steps)",
            r"reasoning (behind|trace|process|steps?|that)|(inner|internal) (monologue|thoughts)",
            r"<.?(think|thinking|thought|thoughts|reasoning|scratchpad|reflection)>",
            r"schritt f(ü|ue)r schritt|gedankeng(a|ä)ng|denkschritt|(é|e)tape par (é|e)tape|"
            r"pas (à|a) pas|paso a paso|passo a passo|cadena de pensamiento|cadeia de pensamento|"
            r"шаг за шагом|ход (мыслей|рассуждений)|пошагов",
            r"一步一步|一步步|逐步|思维链|思考过程|推理过程|思考の?過程|段階的に|ステップごと|"
            r"단계별로|사고 과정",
        ),
    ),
    Family(
        "language",
        "prescribes the language of the reasoning",
        (
            r"(think|reason|reflect|" + THOUGHT + r") " + BETWEEN + r"in " + TONGUES,
            r"translate (your|the) (working memory|hidden|inner|internal|" + THOUGHT + r")",
            r"(用|以)(中文|英文|英语|日语|韩语|俄语)(进行)?(思考|推理)|(日本語|英語|中国語)で(考え|思考|推論)|"
            r"(한국어|영어|중국어)로 (생각|추론)|(думай|рассуждай) ([^ .!?]+ )?(на [а-я]+ом|по-)",
            r"(denke?|überlege?) " + BETWEEN + r"auf (deutsch|englisch|chinesisch|russisch)",
            r"(pense|raisonne|piensa|razona|pensa|raciocin)[a-z]* " + BETWEEN
            + r"(en|em) (fran(ç|c)ais|anglais|chinois|espa(ñ|n)ol|ingl(é|ê|e)s|chino|"
            r"portugu(ê|e)s|chin(ê|e)s)",
            r"in " + TONGUES + r" (for|while|during|throughout) " + BETWEEN + THOUGHT,
        ),
    ),
    Family(
        "grading",
        "has answers graded or compared",
        (
            r"[0-9] ?(-|–|to|through) ?[0-9]+ (scale|points)|rubric|reward model|"
            r"(pass|correct|accept) or (fail|incorrect|reject)",
            r"(grade|score|judge|mark|assess|evaluate|rate) (the|this|each|that|my|every|both) "
            + BETWEEN + WORK,
            r"(which|better|best|preferred|stronger|prefer) " + BETWEEN + WORK,
            r"bewertungsraster|bar(è|e)me|r(ú|u)brica|评分|打分|採点|点数を|채점|점수를",
            r"(score|grade|rate|rating|mark|points|judge|assess|evaluate)" + WITHIN
            + r"(from|between|out of|scale of|scale:) ?[0-9]|[0-9]+ (points|marks) (for|if)",
            r"(bewerte|califica|punt(ú|u)a|avalie|notez|оцени)" + WITHIN + r"[0-9]",
        ),
    ),
    Family(
        "rewriting",
        "has texts reworded",
        (
            r"(^|[^a-z])(rewrite|rephrase|paraphrase|reword|restate|reformulate|rewriting|redraft)"
            r"([^a-z]|$)",
            r"in (other|different|neutral|more neutral|softer|milder) (words|wording|terms)|"
            r"(say|put|tell) (the same|it|this) (again|differently)",
            r"umformulier|reformule|r(é|e)(é|e)cri|reescrib|reescrev|parafras|перефразир|перепиши|"
            r"改写|重写|润色|言い換え|書き換え|書き直|바꿔 써|다시 써",
            r"formuliere?n? " + BETWEEN + r"um([^a-z]|$)",
        ),
    ),
    Family(
        "tasks",
        "has tasks, questions or prompts made up",
        (
            r"(^|[^a-z])(new|novel|another|diverse|unseen|harder|varied|original) " + BETWEEN
            + TASK + r"[^a-z]",
            r"(seed|example) (tasks?|questions?|prompts?)|self-instruct",
            r"出题|(生成|编写|设计)[^。]{0,10}(题|问题|任务|指令)|(問題|質問|課題)を[^。]{0,10}作|문제를",
            r"(generate|create|invent|produce|propose|come up with|devise|design|write|make up|"
            r"turn|convert) " + BETWEEN + r"([0-9]+|several|many|dozens of|(list|set|batch) of|"
            r"into (a|an|one)) ([^ .!?]+ ){0,2}" + TASK,
            r"(erstell|erfinde|generier)[a-z]* " + BETWEEN + r"(aufgaben|fragen)",
            r"(invent|g(é|e)n(è|é|e)r|cr(é|e|i)|gere)[a-z]* " + BETWEEN + r"(exercices|"
            r"t(â|a)ches|questions|tareas|preguntas|ejercicios|tarefas|perguntas)",
            r"(придумай|составь) " + BETWEEN + r"(задач|вопрос)",
        ),
    ),
    Family(
        "replay",
        "carries another session's turns or thoughts",
        (
            r"(^|[\r\n])[^a-z\r\n]{0,6}(assistant|model|ai|bot)[^a-z\r\n]{0,4}:[^\r\n]",
            r"<.(im_start|im_end|user|assistant|system|start_header_id|end_header_id|eot_id).>|"
            r"\[/?inst\]",
            r"(signature|encrypted_content|redacted_thinking|thought_signature|reasoning_content)"
            r"[\"'`]? ?[:=]",
            r"(continue|resume|go on) " + BETWEEN
            + r"(session|conversation|transcript|trajectory|rollout)",
        ),
    ),
)  # fmt: skip
SLUGS = tuple(family.slug for family in FAMILIES)
WORDS = {family.slug: family.words for family in FAMILIES}


def looked_at(prompt: ir.StringColumn) -> ir.StringColumn:
    """The prompt's two ends in lower case: instructions stand there, and data between them."""
    cut = prompt.left(FIRST).concat(" … ").concat(prompt.right(LAST))
    return (prompt.length() > FIRST + LAST).ifelse(cut, prompt).lower()


def each(text: ir.StringColumn) -> dict[str, ir.BooleanColumn]:
    """slug → whether the text is of that family."""
    return {family.slug: text.re_search("|".join(family.patterns)) for family in FAMILIES}
