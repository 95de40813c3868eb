"""What can be wrong with the pictures and their boxes, in the words that the user reads."""

from pipeline.picture_problems import PICTURE_KINDS, Problem

# kind: (grade, English, Chinese). An error would let training fail or its figures lie.
KINDS = PICTURE_KINDS | {
    # an annotation file
    "no_pictures": (
        "error",
        "no pictures found ({endings}). Put them there, or mend data.folder in settings.yaml.",
        "没有找到图片（{endings}）。请放入图片，或修改 settings.yaml 的 data.folder。",
    ),
    "no_annotations": (
        "error",
        "no annotations found. Put COCO JSON, VOC XML, YOLO txt or LabelMe JSON files there, or "
        "name their file or folder as data.labels in settings.yaml.",
        "没有找到标注。请放入 COCO JSON、VOC XML、YOLO txt 或 LabelMe JSON 文件，或在 "
        "settings.yaml 的 data.labels 中写明其文件或文件夹。",
    ),
    "not_utf8": (
        "error",
        "not UTF-8 text. Save it as UTF-8.",
        "不是 UTF-8 文本。请另存为 UTF-8。",
    ),
    "bad_json": (
        "error",
        "not valid JSON ({reason}). Mend it there, or export it again.",
        "不是有效的 JSON（{reason}）。请修改此处，或重新导出。",
    ),
    "bad_xml": (
        "error",
        "not valid XML ({reason}). Mend it there, or export it again.",
        "不是有效的 XML（{reason}）。请修改此处，或重新导出。",
    ),
    "bad_yaml": (
        "error",
        "not valid YAML. Mend it there, or remove it and write the class names into classes.txt.",
        "不是有效的 YAML。请修改此处，或将其删除并将类别名称写入 classes.txt。",
    ),
    "bad_names": (
        "error",
        "names does not give the class names by number. Write names: [open, short], the first for "
        "number 0, or remove it and write the class names into classes.txt.",
        "names 没有按编号给出类别名称。请写成 names: [open, short]（第一个的编号为 0），"
        "或将其删除并将类别名称写入 classes.txt。",
    ),
    "named_twice": (
        "error",
        "names class number {number} {name}, but {first} names it {other}. Remove the wrong file, "
        "or mend it.",
        "类别编号 {number} 的名称为 {name}，但 {first} 中为 {other}。请删除或修改错误的文件。",
    ),
    "other_encoding": (
        "error",
        "not the {encoding} text that its first line promises. Save it as UTF-8.",
        "内容不是首行所声明的 {encoding} 编码。请另存为 UTF-8。",
    ),
    "doctype": (
        "error",
        "has a DOCTYPE, which is never read: it can be used for attacks. Remove it.",
        "含有 DOCTYPE，出于安全考虑不会读取。请删除。",
    ),
    "other_json": (
        "warning",
        "neither COCO (images, annotations, categories) nor LabelMe (shapes), so it is not used. "
        "Remove it, or export it again.",
        "既不是 COCO（images、annotations、categories）也不是 LabelMe（shapes），不会被使用。"
        "请删除，或重新导出。",
    ),
    "other_xml": (
        "warning",
        "not VOC, since it holds <{root}> and not <annotation>, so it is not used. Remove it, or "
        "export it as Pascal VOC.",
        "不是 VOC 格式（根元素是 <{root}> 而不是 <annotation>），不会被使用。请删除，或导出为 "
        "Pascal VOC。",
    ),
    "bad_section": (
        "error",
        "{section} is no list. Export it again.",
        "{section} 不是列表。请重新导出。",
    ),
    "bad_entry": (
        "error",
        "no usable {wanted}. Mend it, or remove the entry.",
        "缺少可用的 {wanted}。请修改，或删除该条目。",
    ),
    "bad_row": (
        "error",
        "not a line of YOLO: {row}. Write: class number, x and y of the centre, width, height, "
        "all but the number as shares of the picture.",
        "不是 YOLO 的一行：{row}。请写：类别编号、中心的 x 和 y、宽、高，"
        "后四个为相对于图片的比例。",
    ),
    "not_shares": (
        "error",
        "not shares of the picture from 0 to 1, perhaps px: {row}. Divide by the picture's width "
        "and height.",
        "不是 0 到 1 之间的相对坐标，可能是像素：{row}。请除以图片的宽和高。",
    ),
    # the picture of an annotation
    "no_picture_for": (
        "error",
        "no picture of this name. Add it beside this file or in images/, or remove this file.",
        "没有同名的图片。请将图片放在此文件旁或 images/ 中，或删除此文件。",
    ),
    "several_pictures_for": (
        "error",
        "several pictures of this name: {pictures}. Rename all but one.",
        "有多张同名的图片：{pictures}。请只保留一个名称，其余改名。",
    ),
    "picture_elsewhere": (
        "error",
        "no picture of this name beside it or in the folder that mirrors its own, only elsewhere: "
        "{pictures}. Move one to the other, or remove this file.",
        "此文件旁或对应的文件夹中没有同名的图片，只在别处有：{pictures}。请将两者放在一起，"
        "或删除此文件。",
    ),
    "several_such_pictures": (
        "error",
        "several pictures are called {path}: {pictures}. Write the folder as well.",
        "有多张图片名为 {path}：{pictures}。请同时写明文件夹。",
    ),
    "by_name_alone": (
        "warning",
        "{count} pictures were found by their file name alone, such as {name}: {picture}. If these "
        "are others, mend the folders.",
        "{count} 张图片仅凭文件名找到，例如 {name}：{picture}。如果不是同一张图片，请修改文件夹。",
    ),
    "no_such_picture": (
        "error",
        "no such picture: {path}. Add it, or mend or remove the entry.",
        "没有这张图片：{path}。请添加图片，或修改、删除该条目。",
    ),
    "no_such_image": (
        "error",
        "image_id {id}: no picture has this id. Mend or remove the entry.",
        "image_id {id}：没有此 id 的图片。请修改或删除该条目。",
    ),
    "same_id": (
        "error",
        "another picture has the id {id} already. Export the file again.",
        "已有另一张图片使用 id {id}。请重新导出文件。",
    ),
    "annotated_twice": (
        "error",
        "{count} pictures are annotated twice, such as {name}: {first} and {second}. Remove one of "
        "them, or name the right file or folder as data.labels in settings.yaml.",
        "{count} 张图片有两份标注，例如 {name}：{first} 和 {second}。请删除其中一份，或在 "
        "settings.yaml 的 data.labels 中写明正确的文件或文件夹。",
    ),
    "masks": (
        "warning",
        "{count} pictures lie in folders of masks, so they are not used: {names}. Move those that "
        "are photographs.",
        "{count} 张图片位于掩码文件夹中，不会被使用：{names}。如果其中有照片，请移到别处。",
    ),
    "unlisted": (
        "warning",
        "{count} pictures stand in no COCO file, so they are not used: {names}. List them among "
        "its images if they are good parts, or label them.",
        "{count} 张图片不在任何 COCO 文件中，不会被使用：{names}。若是良品，请列入其 images；"
        "否则请标注。",
    ),
    "not_annotated": (
        "warning",
        "{count} pictures have no annotation file and are used as good ones, without objects: "
        "{names}. Good ones or forgotten? Label those that were forgotten.",
        "{count} 张图片没有标注文件，将作为没有目标的良品使用：{names}。是良品还是漏标？"
        "请补标漏掉的图片。",
    ),
    "other_ending": (
        "warning",
        "{count} pictures have the name of an annotated one but for the ending, so they are not "
        "used: {names}. Remove or rename them.",
        "{count} 张图片与已标注的图片仅扩展名不同，不会被使用：{names}。请删除或改名。",
    ),
    "without_boxes": (
        "warning",
        "{count} pictures are annotated without any box and are used as good ones: {names}. Good "
        "ones or forgotten? Label those that were forgotten.",
        "{count} 张图片的标注中没有任何框，将作为良品使用：{names}。是良品还是漏标？"
        "请补标漏掉的图片。",
    ),
    "other_size": (
        "error",
        "gives {annotated_width} x {annotated_height} px for {picture}, but it has {width} x "
        "{height}, so its boxes do not fit. Was it resized? Put back the picture that was "
        "labelled, or label this one.",
        "标注中 {picture} 的尺寸为 {annotated_width} x {annotated_height} 像素，实际为 "
        "{width} x {height}，"
        "框与图片不符。图片被缩放过？请恢复标注时的图片，或重新标注。",
    ),
    "swapped_size": (
        "error",
        "gives {annotated_width} x {annotated_height} px for {picture}, but it has {width} x "
        "{height}: width and height are swapped, most often by an EXIF rotation that one program "
        "follows and another does not. Turn the picture as it was labelled, or label it again.",
        "标注中 {picture} 的尺寸为 {annotated_width} x {annotated_height} 像素，实际为 "
        "{width} x {height}："
        "宽和高互换，通常是因为 EXIF 旋转只被部分软件识别。请将图片转成标注时的方向，"
        "或重新标注。",
    ),
    "exif_rotation": (
        "error",
        "its EXIF tag turns it upright to {width} x {height} px, but its boxes were drawn on the "
        "picture as stored, {height} x {width}. Remove the tag (exiftool -Orientation= FILE), or "
        "label the upright picture.",
        "EXIF 标记将其转正为 {width} x {height} 像素，但框是在存储方向 {height} x {width} 上画的。"
        "请删除该标记（exiftool -Orientation= 文件），或按转正后的图片重新标注。",
    ),
    "exif_unsure": (
        "warning",
        "{count} pictures with boxes are turned upright by an EXIF tag: {names}. Their boxes are "
        "taken as drawn on the upright picture. If your labelling program does not follow EXIF, "
        "remove the tag (exiftool -Orientation= FILE).",
        "{count} 张有框的图片由 EXIF 标记转正：{names}。程序认为框是在转正后的图片上画的。"
        "如果您的标注软件不识别 EXIF，请删除该标记（exiftool -Orientation= 文件）。",
    ),
    # a box
    "no_area_shape": (
        "error",
        "a {shape} has no area. Draw a rectangle or a polygon, or remove it.",
        "{shape} 没有面积。请画矩形或多边形，或将其删除。",
    ),
    "only_mask": (
        "error",
        "has only a mask ({count} entries, this is the first). Export with boxes (bbox).",
        "只有掩码（共 {count} 个条目，此为第一个）。请导出带框（bbox）的标注。",
    ),
    "not_numbers": (
        "error",
        "not a box of four numbers. Draw it again, or remove it.",
        "不是由四个数组成的框。请重画或删除。",
    ),
    "swapped_corners": (
        "error",
        "its corners are swapped ({box}). Write the smaller value first, or draw it again.",
        "框的角点顺序颠倒（{box}）。请先写较小的值，或重画。",
    ),
    "no_area": (
        "error",
        "a box without area ({box}). Draw it again, or remove it.",
        "框没有面积（{box}）。请重画或删除。",
    ),
    "box_outside": (
        "error",
        "outside of its picture ({box}; the picture has {width} x {height} px). Draw it again, or "
        "remove it.",
        "框在图片之外（{box}；图片为 {width} x {height} 像素）。请重画或删除。",
    ),
    "box_partly_outside": (
        "warning",
        "reaches {over} px out of its picture ({box}; the picture has {width} x {height} px), so "
        "it is cut at the border. Draw it again if it is not the right place.",
        "框超出图片 {over} 像素（{box}；图片为 {width} x {height} 像素），将在边缘处截断。"
        "如果位置不对，请重画。",
    ),
    "two_corners": (
        "error",
        "{count} of {total} boxes reach far out of their pictures; COCO wants x, y, width, height, "
        "and these look like two corners. Export again.",
        "{total} 个框中有 {count} 个远超出图片；COCO 要求 x、y、宽、高，而这些像是两个角点的坐标。"
        "请重新导出。",
    ),
    "many_outside": (
        "error",
        "{count} of {total} boxes reach far out of their pictures. Were they drawn on pictures of "
        "another size, or exported in another format? Put back the pictures that were labelled, or "
        "export again.",
        "{total} 个框中有 {count} 个远超出图片。是在其他尺寸的图片上画的，还是导出格式不对？"
        "请恢复标注时的图片，或重新导出。",
    ),
    "same_box": (
        "warning",
        "the same box of class {label} as {first}, so it counts once. Remove one.",
        "与 {first} 是类别 {label} 的同一个框，只计一次。请删除其中一个。",
    ),
    "same_box_two_classes": (
        "error",
        "the same box as {first}, here of class {label} and there of class {other}. Remove the "
        "wrong one.",
        "与 {first} 是同一个框，此处类别为 {label}，另一处为 {other}。请删除错误的一个。",
    ),
    "crowds": (
        "warning",
        "{count} entries are crowds (iscrowd: 1), as CVAT calls every mask; the box of each counts "
        "as one object. Where one is around several objects, draw a box around each.",
        "{count} 个条目标记为一群目标（iscrowd: 1，CVAT 对所有掩码都如此标记），"
        "每个框按一个目标使用。如果框内有多个目标，请分别画框。",
    ),
    # a class
    "no_label": (
        "error",
        "no class. Write its name.",
        "缺少类别。请填写类别名称。",
    ),
    "no_such_category": (
        "error",
        "category_id {id}: no category has this id and a name. Mend it, or export the file again.",
        "category_id {id}：没有此 id 且有名称的类别。请修改，或重新导出文件。",
    ),
    "no_such_number": (
        "error",
        "class number {number}, but there are only {count} class names (numbers begin with 0). "
        "Mend it, or add the name to classes.txt.",
        "类别编号为 {number}，但只有 {count} 个类别名称（编号从 0 开始）。请修改，"
        "或在 classes.txt 中添加名称。",
    ),
    "nameless_number": (
        "error",
        "class number {number} has no name (numbers begin with 0). Mend it, or name it where the "
        "others are named.",
        "类别编号 {number} 没有名称（编号从 0 开始）。请修改，或在类别名称的文件中补上。",
    ),
    "numbers_by_settings": (
        "warning",
        "no file (classes.txt, data.yaml) names the class numbers, so they follow settings.yaml: "
        "{order}. Add classes.txt if that is not right.",
        "没有文件（classes.txt、data.yaml）说明类别编号，因此按 settings.yaml 的顺序：{order}。"
        "如果不对，请添加 classes.txt。",
    ),
    "unknown_class": (
        "error",
        "unknown class {label} ({count} boxes, this is the first). Rename it, or add it to the "
        "classes in settings.yaml.",
        "未知类别 {label}（{count} 个框，此为第一个）。请改名，或将其加入 settings.yaml 的 "
        "classes。",
    ),
    "misspelt_class": (
        "error",
        "unknown class {label} ({count} boxes, this is the first); did you mean {near}? Rename "
        "it, or add it to the classes in settings.yaml.",
        "未知类别 {label}（{count} 个框，此为第一个）；是否指 {near}？请改名，或将其加入 "
        "settings.yaml 的 classes。",
    ),
    "no_boxes": (
        "error",
        "no boxes of class {label}. Draw some, or take it out of the classes in settings.yaml.",
        "类别 {label} 没有框。请标注，或将其从 settings.yaml 的 classes 中删除。",
    ),
    "none_to_train": (
        "error",
        "class {label} has no box to train on, only in {splits}. Move some pictures to train.",
        "类别 {label} 没有用于训练的框，只出现在 {splits} 中。请将一些图片移到 train。",
    ),
    "few_shots": (
        "warning",
        "class {label} has {count} boxes to train on; the project was made for {shots}. Label "
        "some more.",
        "类别 {label} 只有 {count} 个训练框；创建项目时设定为 {shots} 个。请补充标注。",
    ),
    "few_boxes": (
        "warning",
        "class {label} has {count} boxes; the project was made for {shots}. Label some more.",
        "类别 {label} 只有 {count} 个框；创建项目时设定为 {shots} 个。请补充标注。",
    ),
    "imbalance": (
        "warning",
        "class {label} has {count} boxes to train on, class {largest} has {most}, over 5 times as "
        "many. Label more of {label}.",
        "类别 {label} 有 {count} 个训练框，类别 {largest} 有 {most} 个，超过 5 倍。"
        "请补充 {label} 的标注。",
    ),
    "small_objects": (
        "warning",
        "class {label}: {count} of {total} boxes are under {least} px, or thinner than {thinnest}, "
        "as the network sees the pictures, too small to be found well, as in {names}. Set "
        "model.tiles: true in settings.yaml.",
        "类别 {label}：图片缩放到网络输入后，{total} 个框中有 {count} 个小于 {least} 像素或细于 "
        "{thinnest} 像素，难以检出，例如 {names} 中。请在 settings.yaml 中设置 model.tiles: true。",
    ),
    "tiny_objects": (
        "warning",
        "class {label}: {count} of {total} boxes are under {least} px, or thinner than {thinnest}, "
        "in the picture itself, too small to be found well, as in {names}. Photograph from nearer, "
        "or with more pixels.",
        "类别 {label}：{total} 个框中有 {count} 个在原图中就小于 {least} 像素或细于 {thinnest} "
        "像素，难以检出，例如 {names} 中。请拍近一些，或使用更高的分辨率。",
    ),
    "long_objects": (
        "warning",
        "class {label}: {count} of {total} boxes are longer than a tile of {input_size} px, which "
        "shows the picture scaled by {scale}, so that only parts of them can be found, as in "
        "{names}. Set model.tiles: false or a larger model.input_size in settings.yaml, or give "
        "these classes a project of their own.",
        "类别 {label}：图片缩放 {scale} 倍后，{total} 个框中有 {count} 个比 {input_size} 像素的"
        "图块还长，只能检出其中一部分，例如 {names} 中。请在 settings.yaml 中设置 model.tiles: "
        "false 或更大的 model.input_size，或为这些类别单独建立项目。",
    ),
    "crowded": (
        "warning",
        "class {label}: more than {most} objects of it in {count} of the pictures, as in {names}. "
        "Of the boxes of a class in a picture AP counts the {most} likeliest, as COCO does: the "
        "figures will be lower than the network is good. Cut such pictures into parts.",
        "类别 {label}：{count} 张图片中该类目标超过 {most} 个，例如 {names}。与 COCO 一样，AP "
        "只计入每张图片每个类别置信度最高的 {most} 个框：指标会低于网络的实际水平。"
        "请把这些图片切成几块。",
    ),
    # a split
    "no_split": (
        "error",
        "{count} pictures are in no split, while others are in train, val or test: {names}. Move "
        "or list them there.",
        "{count} 张图片未归入任何划分，而其他图片属于 train、val 或 test：{names}。"
        "请将其移入或列入其中。",
    ),
}
BROKEN_FILE = (
    *("bad_json", "bad_names", "bad_section", "bad_xml", "bad_yaml", "doctype", "named_twice"),
    *("not_utf8", "other_encoding"),
)
WRONG_SIZE = ("exif_rotation", "many_outside", "other_size", "swapped_size", "two_corners")
# After these the counts of boxes would only mislead.
UNCOUNTABLE = (*BROKEN_FILE, *WRONG_SIZE, "no_annotations", "no_pictures", "only_mask")


def problem(kind: str, where: str, **details: object) -> Problem:
    return Problem(kind, where, details, KINDS[kind])
